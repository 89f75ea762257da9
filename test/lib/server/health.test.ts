import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { requestText } from "../../support/raw.ts";
import { handshake, Wire } from "../../support/wire.ts";

async function ask(client: TestClient, target: string, method = "GET", host = "localhost") {
  await using wire = await Wire.connect(client.url);
  wire.write(requestText(target, { method, headers: { Host: host } }));
  return await wire.response();
}

describe("the health of a server", () => {
  test("is well while it runs, before the app and its guards, and never stored", async () => {
    const seen: string[] = [];
    const app = new App();
    app.use((ctx) => {
      seen.push(ctx.path);
      ctx.status = 401;
    });
    await using client = await TestClient.start(app);
    for (const path of ["/livez", "/readyz", "/livez?verbose", "/readyz?"]) {
      const { status, headers, body } = await ask(client, path);
      assert.equal(status, 200, path);
      assert.equal(headers.get("cache-control"), "no-store");
      assert.match(body, /ok/);
    }
    const head = await ask(client, "/readyz", "HEAD");
    assert.deepEqual([head.status, head.body], [200, ""]);
    assert.deepEqual(seen, []);
  });

  test("is told to whoever asks by whatever Host, and nothing else is", async () => {
    const app = new App();
    app.router.all("/page", (ctx) => {
      ctx.body = "page";
    });
    await using client = await TestClient.start(app);
    for (const host of ["10.0.0.7:8000", "pod.cluster.local", "evil.example", ""]) {
      assert.equal((await ask(client, "/livez", "GET", host)).status, 200, host);
      assert.equal((await ask(client, "/readyz", "GET", host)).status, 200, host);
      for (const path of ["/page", "/livez/", "/livez/x", "//livez", "/LIVEZ", "/x/../livez"]) {
        assert.equal((await ask(client, path, "GET", host)).status, 421, `${path} of ${host}`);
      }
      await using wire = await Wire.connect(client.url);
      wire.write(handshake("/livez", { Host: host }));
      assert.equal((await wire.response()).status, 421);
    }
    assert.equal((await ask(client, "/livez/")).status, 404);
  });

  test("stays live but is no longer ready while the server drains, and handshakes get 503", async () => {
    const app = new App();
    let finish: () => void = () => {};
    const ended = new Promise<void>((resolve) => {
      finish = resolve;
    });
    app.websocket("/", async () => await ended);
    await using client = await TestClient.start(app);
    const socket = await client.connect("/");
    const closing = client.serving.close();
    assert.equal((await socket.closed()).code, 1012);
    // The handler has not ended, so the server is still there to say so.
    const ready = await ask(client, "/readyz", "GET", "10.0.0.7");
    assert.equal(ready.status, 503);
    assert.match(ready.body, /draining/);
    assert.equal((await ask(client, "/livez", "GET", "10.0.0.7")).status, 200);
    await using late = await Wire.connect(client.url);
    late.write(handshake("/"));
    assert.equal((await late.response()).status, 503);
    finish();
    await closing;
  });

  test("leaves a mount or a route of the app at the same path to handshakes alone", async () => {
    const app = new App();
    app.websocket("/livez", async (socket) => void (await socket.send("mine")));
    await using client = await TestClient.start(app);
    assert.equal(await (await client.connect("/livez")).receive(), "mine");
    assert.equal((await ask(client, "/livez")).status, 200);
  });

  test("is told on a connection that is kept, as load balancers ask", async () => {
    await using client = await TestClient.start(new App());
    await using wire = await Wire.connect(client.url);
    for (let i = 0; i < 3; i++) {
      wire.write(requestText("/readyz", { headers: { Connection: "keep-alive" } }));
      const { status, headers } = await wire.head();
      assert.equal(status, 200);
      const chunked = headers.get("transfer-encoding") === "chunked";
      await wire.bytes(chunked ? "2\r\nok\r\n0\r\n\r\n".length : 2);
    }
    const ended = once(wire.socket, "close");
    wire.socket.end();
    await ended;
  });
});
