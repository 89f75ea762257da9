import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { frame, handshake, Wire } from "../../support/wire.ts";

const DEFLATE = "permessage-deflate";

const declined = [
  `${DEFLATE}; client_max_window_bits=16`,
  `${DEFLATE}; client_max_window_bits=7`,
  `${DEFLATE}; client_max_window_bits=x`,
  `${DEFLATE}; server_max_window_bits`,
  `${DEFLATE}; server_max_window_bits=16`,
  `${DEFLATE}; server_no_context_takeover=1`,
  `${DEFLATE}; client_no_context_takeover=true`,
  `${DEFLATE}; unknown`,
  `${DEFLATE}; unknown=1`,
  `${DEFLATE}; client_max_window_bits; client_max_window_bits`,
  `${DEFLATE}; __proto__`,
  `${DEFLATE}; unknown, ${DEFLATE}; client_max_window_bits=99`,
  "x-webkit-deflate-frame",
  "permessage-bzip2; level=9, x-other",
];

const accepted: [offer: string, answer: string][] = [
  [DEFLATE, DEFLATE],
  [`${DEFLATE}; client_max_window_bits`, DEFLATE],
  [`${DEFLATE}; unknown, ${DEFLATE}`, DEFLATE],
  [
    `${DEFLATE}; client_max_window_bits=16, ${DEFLATE}; server_no_context_takeover`,
    `${DEFLATE}; server_no_context_takeover`,
  ],
  [`other; ${DEFLATE}, ${DEFLATE}`, DEFLATE],
  [`${DEFLATE}; server_max_window_bits="10"`, `${DEFLATE}; server_max_window_bits=10`],
];

async function offer(client: TestClient, extensions: string, path = "/") {
  await using wire = await Wire.connect(client.url);
  wire.write(handshake(path, { "Sec-WebSocket-Extensions": extensions }), frame(1, "hi"));
  const { status, headers } = await wire.head();
  const echoed = status === 101 ? (await wire.frame()).payload.length : 0;
  return { status, answer: headers.get("sec-websocket-extensions"), echoed };
}

function echo(): App {
  const app = new App();
  app.websocket("/", { compression: true }, async (socket) => {
    for await (const text of socket) await socket.send(text);
  });
  app.websocket("/own", { compression: { clientMaxWindowBits: 10 } }, async (socket) => {
    for await (const text of socket) await socket.send(text);
  });
  return app;
}

describe("an offer of extensions", () => {
  test("that cannot be accepted is declined, and the connection goes on without it", async () => {
    await using client = await TestClient.start(echo());
    for (const extensions of declined) {
      const { status, answer, echoed } = await offer(client, extensions);
      assert.equal(status, 101, extensions);
      assert.equal(answer, undefined, extensions);
      assert.equal(echoed, 2, extensions);
    }
  });

  test("that can be accepted is, though others before it cannot", async () => {
    await using client = await TestClient.start(echo());
    for (const [extensions, expected] of accepted) {
      const { status, answer, echoed } = await offer(client, extensions);
      assert.equal(status, 101, extensions);
      assert.equal(answer, expected, extensions);
      assert.ok(echoed > 0);
    }
  });

  test("is declined where a route's own options ask for what it leaves out", async () => {
    await using client = await TestClient.start(echo());
    assert.equal((await offer(client, DEFLATE, "/own")).answer, undefined);
    assert.equal(
      (await offer(client, `${DEFLATE}; client_max_window_bits`, "/own")).answer,
      `${DEFLATE}; client_max_window_bits=10`,
    );
  });

  test("that is no list of extensions is refused 400", async () => {
    await using client = await TestClient.start(echo());
    assert.equal((await offer(client, `${DEFLATE}; =1`)).status, 400);
  });
});
