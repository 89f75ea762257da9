import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TestClient } from "koa-subapps/testing";
import { ask, open, shake } from "../../support/admission.ts";
import { Wire } from "../../support/wire.ts";

describe("the Host at the admission", () => {
  const REBOUND = [
    "evil.example",
    "evil.example:8000",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil.example.localhost.",
    "localhost.",
    "192.168.0.1",
    "0.0.0.0",
    "[::]",
    "[2001:db8::1]",
    "evil.example@localhost",
    "localhost@evil.example",
    "localhost/evil.example",
    "localhost, evil.example",
    "",
  ];

  test("is this machine's, or is refused 421 before any middleware, whatever the method", async () => {
    const { app, seen } = open();
    await using client = await TestClient.start(app);
    for (const host of REBOUND) {
      const headers = { Host: host };
      assert.equal(await shake(client, headers), 421, `a handshake for ${host}`);
      for (const method of ["GET", "POST", "HEAD", "OPTIONS"]) {
        assert.equal((await ask(client, headers, method)).status, 421, `${method} for ${host}`);
      }
      // The page of a rebound name is of the same origin as what it asks for.
      const page = { Host: host, Origin: `http://${host}` };
      assert.equal(await shake(client, page), 421, `a page of ${host}`);
    }
    assert.deepEqual(seen, []);
    for (const host of ["localhost", "127.0.0.1:8000", "[::1]", "[::1]:1", "app.localhost"]) {
      assert.equal(await shake(client, { Host: host }), 101, host);
      assert.equal((await ask(client, { Host: host }, "GET")).status, 200, host);
    }
  });

  test("says in one line what to do", async () => {
    await using client = await TestClient.start(open().app);
    const { status, headers, body } = await ask(client, { Host: "evil.example" }, "GET");
    assert.equal(status, 421);
    assert.equal(headers.get("connection"), "close");
    assert.equal(headers.get("content-type"), "text/plain; charset=utf-8");
    assert.equal(
      body,
      "expected a Host that this server answers to, but got another; name it in ALLOWED_HOSTS",
    );
  });

  test("may be one of ALLOWED_HOSTS, with any port or with the one that is named", async () => {
    await using client = await TestClient.start(open().app, {
      allowedHosts: ["Chat.Example", "admin.example:8443", "[2001:db8::1]", "192.168.0.1"],
    });
    for (const [host, status] of [
      ["chat.example", 200],
      ["CHAT.example:8000", 200],
      ["admin.example:8443", 200],
      ["[2001:db8::1]:8000", 200],
      ["192.168.0.1:8000", 200],
      ["localhost", 200],
      ["admin.example", 421],
      ["admin.example:443", 421],
      ["x.chat.example", 421],
      ["chat.example.evil.example", 421],
      ["[2001:db8::2]", 421],
      ["192.168.0.10", 421],
    ] as const) {
      assert.equal((await ask(client, { Host: host }, "GET")).status, status, host);
      assert.equal(await shake(client, { Host: host }), status === 200 ? 101 : 421, host);
    }
  });

  test("is asked for where HTTP/1.0 left it out, and Node itself asks for it in HTTP/1.1", async () => {
    await using client = await TestClient.start(open().app);
    for (const [version, status] of [
      ["1.0", 421],
      ["1.1", 400],
    ] as const) {
      await using wire = await Wire.connect(client.url);
      wire.write(`GET /page HTTP/${version}\r\nConnection: close\r\n\r\n`);
      assert.equal((await wire.response()).status, status);
    }
    assert.notEqual(await shake(client, { Host: undefined }), 101);
  });

  test("is that of the header, not of an absolute target", async () => {
    const { app, seen } = open();
    await using client = await TestClient.start(app);
    const { status } = await ask(client, { Host: "evil.example" }, "GET", "http://localhost/page");
    assert.equal(status, 421);
    assert.equal(await shake(client, { Host: "evil.example" }, "http://localhost/ws"), 421);
    assert.deepEqual(seen, []);
  });

  test("of a request for another protocol is asked as well", async () => {
    const { app, seen } = open();
    await using client = await TestClient.start(app);
    const h2c = { Host: "evil.example", Connection: "Upgrade", Upgrade: "h2c" };
    assert.equal((await ask(client, h2c, "GET")).status, 421);
    assert.deepEqual(seen, []);
  });
});
