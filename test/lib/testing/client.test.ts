import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { App } from "koa-subapps";
import { HandshakeRefused, TestClient } from "koa-subapps/testing";

function echo(): App {
  return new App().websocket("/", async (socket) => {
    for await (const text of socket) await socket.send(text);
  });
}

describe("TestClient", () => {
  test("runs an app alone or mounted, with its lifespan", async () => {
    const life: string[] = [];
    const app = echo().lifespan(async function* () {
      life.push("start");
      yield;
      life.push("stop");
    });
    for (const [root, path] of [
      [app, "/"],
      [new App().mount("/deep", new App().mount("/er", app)), "/deep/er/"],
    ] as const) {
      await using client = await TestClient.start(root);
      const socket = await client.connect(path);
      socket.sendJson({ a: 1 });
      assert.deepEqual(await socket.receiveJson(), { a: 1 });
    }
    assert.deepEqual(life, ["start", "stop", "start", "stop"]);
  });

  test("fetches, and shows redirects instead of following them", async () => {
    await using client = await TestClient.start(new App().mount("/ws", echo()));
    const response = await client.fetch("/ws?x=1", { method: "POST", body: "x" });
    assert.equal(response.status, 307);
    assert.equal(response.headers.get("location"), "/ws/?x=1");
    await response.text();
  });

  test("reports a refused handshake with its status, headers and body", async () => {
    const app = echo();
    app.use(async (ctx) => {
      ctx.set("Retry-After", "7");
      ctx.append("Set-Cookie", "a=1");
      ctx.append("Set-Cookie", "b=2");
      ctx.status = 429;
      ctx.body = "later";
    });
    await using client = await TestClient.start(app);
    await assert.rejects(client.connect("/"), (error: HandshakeRefused) => {
      assert.ok(error instanceof HandshakeRefused);
      assert.equal(error.status, 429);
      assert.equal(error.headers.get("retry-after"), "7");
      assert.deepEqual(error.headers.getSetCookie(), ["a=1", "b=2"]);
      assert.equal(error.body, "later");
      assert.match(
        error.message,
        /expected the handshake of \/ to be accepted, but got 429: later/,
      );
      return true;
    });
  });

  test("says what the app threw where a message or a handshake does not come", async () => {
    const boom = new Error("boom");
    const app = new App();
    app.websocket("/", async () => {
      throw boom;
    });
    app.websocket("/silent", () => new Promise(() => {}));
    app.use((ctx, next) => {
      if (ctx.query.fails !== undefined) throw boom;
      return next();
    });
    const client = await TestClient.start(app, { leftovers: false, graceSeconds: 0 });
    const silent = await client.connect("/silent");
    const soon = { timeoutMs: 20 };
    await assert.rejects(silent.receive(soon), ({ message, cause }: Error) => {
      assert.equal(cause, undefined);
      return message.endsWith("it is still open after 0 messages");
    });
    const socket = await client.connect("/");
    await assert.rejects(socket.receive(), ({ message, cause }: Error) => {
      assert.equal(cause, boom);
      return /closed 1011 "internal error" after 0 messages; the app failed: boom$/.test(message);
    });
    await assert.rejects(silent.closed(soon), { cause: boom });
    await assert.rejects(client.connect("/?fails"), { status: 500, cause: boom });
    await assert.rejects(client.close(), /handler of \/silent/);
    assert.equal(app.listeners("error").length, 1, "the log's");
  });

  test("sends headers and offers subprotocols", async () => {
    const app = new App().websocket(
      "/",
      { protocols: ["b"] },
      (socket, ctx) => void socket.send(ctx.get("X-Name")),
    );
    await using client = await TestClient.start(app);
    const socket = await client.connect("/", {
      headers: { "X-Name": "me" },
      protocols: ["a", "b"],
    });
    assert.equal(socket.protocol, "b");
    assert.equal(await socket.receive(), "me");
  });
});

describe("a receive", () => {
  test("has a deadline and says what it was waiting for", async () => {
    await using client = await TestClient.start(echo());
    const socket = await client.connect("/");
    await assert.rejects(
      socket.receive({ timeoutMs: 20 }),
      /expected a message on \/ within 20 ms, but it is still open after 0 messages/,
    );
    await assert.rejects(socket.closed({ timeoutMs: 20 }), /expected the close on \/ within 20 ms/);
  });

  test("on a connection that has ended says how it ended", async () => {
    await using client = await TestClient.start(
      new App().websocket("/", (socket) => socket.close(4004, "bye")),
    );
    const socket = await client.connect("/");
    await assert.rejects(socket.receive(), /but it was closed 4004 "bye" after 0 messages/);
  });
});

describe("leaving the scope", () => {
  test("fails for a handler that does not end", async () => {
    let release: () => void = () => {};
    const app = new App().websocket(
      "/stuck",
      () =>
        new Promise<void>((resolve) => {
          release = resolve;
        }),
    );
    const client = await TestClient.start(app, { graceSeconds: 0.1 });
    await client.connect("/stuck");
    await assert.rejects(client.close(), /nothing left behind, but got: handler of \/stuck/);
    release();
  });

  test("fails for a timer, and says where it was started", async () => {
    let timer: NodeJS.Timeout | undefined;
    const app = new App().websocket("/", () => {
      timer = setInterval(() => {}, 1_000);
    });
    const client = await TestClient.start(app);
    await (await client.connect("/")).closed();
    await assert.rejects(client.close(), /but got: timer created at .*client\.test\.ts:\d+/);
    clearInterval(timer);
  });

  test("fails for a server that an app leaves listening", async () => {
    const { createServer } = await import("node:net");
    const server = createServer();
    const app = new App().lifespan(async function* () {
      server.listen(0, "127.0.0.1");
      yield;
    });
    const client = await TestClient.start(app);
    await assert.rejects(client.close(), /but got: server created/);
    server.close();
  });

  test("waits as long as the handlers that are left grow fewer", async () => {
    // Each ends a while after the one before it, as on a machine that is busy.
    let before: Promise<void> = Promise.resolve();
    const app = new App().websocket("/", async (socket) => {
      await socket.closed;
      before = before.then(() => delay(400));
      await before;
    });
    const client = await TestClient.start(app, { graceSeconds: 0.1 });
    for (let n = 0; n < 4; n++) await client.connect("/");
    await client.close();
  });

  test("does not fail for what has ended in time, and closes once", async () => {
    const client = await TestClient.start(echo());
    await client.connect("/");
    await client.fetch("/");
    assert.equal(client.close(), client.close());
    await client.close();
  });
});
