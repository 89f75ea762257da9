import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { parseAddress, placeOf, withoutPassword } from "../../../../lib/broker/redis/address.ts";

const SECRET = "s3cr3t";

test("a URL gives the host, the port and the credentials", () => {
  assert.deepEqual(parseAddress("redis://app:p%40ss%2Fword@redis.internal:6380/0"), {
    host: "redis.internal",
    port: 6380,
    tls: false,
    username: "app",
    password: "p@ss/word",
  });
  assert.deepEqual(parseAddress("redis://localhost"), {
    host: "localhost",
    port: 6379,
    tls: false,
  });
  assert.deepEqual(parseAddress("rediss://:pw@[::1]", "PEM"), {
    host: "::1",
    port: 6379,
    tls: true,
    ca: "PEM",
    password: "pw",
  });
});

test("a path behind redis+unix: is a Unix socket", () => {
  const address = parseAddress("redis+unix:/run/redis/redis.sock");
  assert.equal(address.path, "/run/redis/redis.sock");
  assert.equal(placeOf(address), "/run/redis/redis.sock");
});

const WRONG = {
  "not a text": 6379,
  "not a URL": `localhost:${SECRET}`,
  "a password with a slash": `redis://app:${SECRET}/@localhost`,
  "a password with a hash": `redis://app:${SECRET}#@localhost`,
  "a password with a question mark": `redis://app:${SECRET}?@localhost`,
  "a password with a stray percent": `redis://app:${SECRET}%zz@localhost`,
  "a password that is no UTF-8": `redis://app:${SECRET}%ff@localhost`,
  "another protocol": `http://app:${SECRET}@localhost`,
  "no host": `redis:///${SECRET}`,
  "a database": `redis://app:${SECRET}@localhost/1`,
  "a query": `redis://app:${SECRET}@localhost?db=1`,
  "a port out of range": `redis://app:${SECRET}@localhost:99999`,
  "a socket with a relative path": `redis+unix:${SECRET}`,
};

for (const [what, url] of Object.entries(WRONG)) {
  test(`a URL with ${what} is refused, and the error does not show it`, () => {
    assert.throws(
      () => parseAddress(url),
      (error: unknown) => {
        assert.ok(error instanceof TypeError);
        assert.match(error.message, /^expected the option url of a RedisBroker to be redis:/);
        // As a log shows it: with stack, cause and properties.
        assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), new RegExp(SECRET));
        return true;
      },
    );
  });
}

test("a place in an error has no credentials", () => {
  assert.equal(placeOf(parseAddress(`redis://app:${SECRET}@localhost:1`)), "localhost:1");
  assert.equal(placeOf(parseAddress(`redis://app:${SECRET}@[::1]:1`)), "[::1]:1");
});

test("a password is taken out of a text wherever it stands", () => {
  const address = parseAddress(`redis://app:${SECRET}@localhost`);
  assert.equal(withoutPassword(`AUTH app ${SECRET}, ${SECRET}`, address), "AUTH app …, …");
  assert.equal(withoutPassword("no password", parseAddress("redis://localhost")), "no password");
});
