import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { open } from "../../support/admission.ts";
import { handshake, Wire } from "../../support/wire.ts";

test("the admission stands before handshakes of an attached server too, and `listen` has one", async () => {
  const { app, seen } = open();
  const server = app.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  assert.ok(server instanceof http.Server);
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/`;
  for (const [headers, status] of [
    [{ Host: "evil.example" }, 421],
    [{ Host: "localhost", Origin: "http://evil.example" }, 403],
  ] as const) {
    await using wire = await Wire.connect(url);
    wire.write(handshake("/ws", headers));
    assert.equal((await wire.response()).status, status);
  }
  assert.deepEqual(seen, []);
  await new Promise((resolve) => server.close(resolve));
});
