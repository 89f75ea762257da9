import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { generate } from "selfsigned";
import { RedisBroker, Unavailable } from "../../../../lib/broker/redis/index.ts";
import { freePort } from "../../../support/free-port.ts";
import { RedisServer } from "../../../support/redis.ts";

let directory: string;
let server: RedisServer;
let url: string;
let ca: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "koa-subapps-redis-tls-"));
  const pem = await generate([{ name: "commonName", value: "redis" }], {
    extensions: [{ name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] }],
  });
  ca = pem.cert;
  const [cert, key] = [join(directory, "cert.pem"), join(directory, "key.pem")];
  await writeFile(cert, pem.cert);
  await writeFile(key, pem.private, { mode: 0o600 });
  const port = await freePort();
  url = `rediss://127.0.0.1:${port}`;
  server = await RedisServer.start(
    ...["--bind", "127.0.0.1", "--tls-port", String(port), "--tls-auth-clients", "no"],
    ...["--tls-cert-file", cert, "--tls-key-file", key],
  );
});

after(async () => {
  await server?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

test("rediss: reaches a server whose certificate the given authority has signed", async () => {
  const broker = new RedisBroker({ url, ca });
  const options = { retention: { count: 1, ageMs: 1_000 } };
  assert.equal((await broker.publish("t", "a", options)).position.offset, 1);
  await broker.close();
});

test("rediss: refuses a server whose certificate nobody known has signed", async () => {
  const broker = new RedisBroker({ url });
  await assert.rejects(broker.open(500), (error: unknown) => {
    assert.ok(error instanceof Unavailable);
    assert.match(String(error.cause), /self-signed certificate/);
    return true;
  });
  await broker.close();
});
