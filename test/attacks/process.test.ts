import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import Koa from "koa";
import { App, type Connection, createLog, serve } from "koa-subapps";
import { type HandshakeRefused, TestClient } from "koa-subapps/testing";
import { generate } from "selfsigned";
import { handshake, Wire } from "../support/wire.ts";

const quiet = { port: 0, graceSeconds: 0.3, log: createLog({ level: "silent" }) };

function echo(): App {
  const app = new App().websocket("/", async (socket) => {
    for await (const text of socket) await socket.send(text);
  });
  app.router.get("/page", (ctx) => {
    ctx.body = "a page";
  });
  app.router.get("/never", () => new Promise(() => {}));
  return app;
}

describe("an upgrade right behind a request in one segment", () => {
  for (const [what, headers] of [
    ["a handshake", {}],
    ["another protocol", { Upgrade: "h2c" }],
  ] as const) {
    test(`(${what}) does not take the process down: the page goes out whole, then the end`, async () => {
      await using client = await TestClient.start(echo());
      await using wire = await Wire.connect(client.url);
      wire.write("GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n", handshake("/", headers));
      const { status, body } = await wire.response();
      assert.equal(status, 200);
      assert.equal(body, "a page");
      const neighbour = await client.connect("/");
      neighbour.send("alive");
      assert.equal(await neighbour.receive(), "alive");
    });
  }
});

describe("close() ends within the grace period", () => {
  test("with a request for another protocol that is never answered", async () => {
    const serving = await serve(echo(), quiet);
    await using wire = await Wire.connect(serving.url);
    const arrived = once(serving.server, "request");
    wire.write(handshake("/never", { Upgrade: "h2c" }));
    await arrived;
    await serving.close();
    await wire.end();
  });

  test("with a handshake that is pending in slow middleware", async () => {
    const app = echo();
    const arrived = new Promise<void>((resolve) => {
      app.use(() => {
        resolve();
        return new Promise(() => {});
      });
    });
    const serving = await serve(app, quiet);
    await using wire = await Wire.connect(serving.url);
    wire.write(handshake("/"));
    await arrived;
    await serving.close();
    await wire.end();
  });

  test("with a plain Koa app that took the socket and keeps it", async () => {
    const plain = new Koa();
    const taken = new Promise<void>((resolve) => {
      plain.use((ctx) => {
        ctx.respond = false;
        resolve();
      });
    });
    const serving = await serve(new App().mount("/", plain), quiet);
    await using wire = await Wire.connect(serving.url);
    wire.write(handshake("/"));
    await taken;
    await serving.close();
    await wire.end();
  });

  test("with a TCP connection to https that never says a word", async () => {
    const { cert, private: key } = await generate([{ name: "commonName", value: "127.0.0.1" }]);
    const serving = await serve(echo(), { ...quiet, tls: { cert, key } });
    const connected = once(serving.server, "connection");
    await using wire = await Wire.connect(serving.url.replace("https", "http"));
    await connected;
    await serving.close();
    await wire.end();
  });
});

describe("whatever a handler throws", () => {
  const odd: [string, () => unknown][] = [
    ["an object without a prototype", () => Object.create(null)],
    ["an object whose toString is no function", () => JSON.parse('{"toString":1}')],
    [
      "an error with a code of the network",
      () => Object.assign(new Error("db"), { code: "ECONNRESET" }),
    ],
    [
      "an error with the status of somebody else's 404",
      () => Object.assign(new Error("api"), { status: 404 }),
    ],
    ["null", () => null],
  ];
  for (const [what, thrown] of odd) {
    test(`(${what}) closes 1011, is logged once, and leaves nothing`, async () => {
      const lines: string[] = [];
      const log = createLog({ destination: { write: (line) => void lines.push(line) } });
      const app = echo().websocket("/odd", () => Promise.reject(thrown()));
      const client = await TestClient.start(app, { log });
      assert.equal((await (await client.connect("/odd")).closed()).code, 1011);
      await client.close();
      assert.equal(lines.filter((line) => JSON.parse(line).level >= 50).length, 1);
    });
  }

  test("an error listener that throws itself does not take the process down", async (t) => {
    const printed = t.mock.method(console, "error", () => {});
    const app = echo().websocket("/odd", () => Promise.reject(new Error("first")));
    app.on("error", () => {
      throw new Error("the listener");
    });
    await using client = await TestClient.start(app);
    assert.equal((await (await client.connect("/odd")).closed()).code, 1011);
    await client.connect("/");
    assert.match(String(printed.mock.calls[0]?.arguments[0]), /the listener/);
  });

  test("an HTTP route's error with a code of the network is logged, for its client is there", async () => {
    const lines: string[] = [];
    const log = createLog({ destination: { write: (line) => void lines.push(line) } });
    const app = new App();
    app.router.get("/", () => {
      throw Object.assign(new Error("db"), { code: "ECONNRESET" });
    });
    await using client = await TestClient.start(app, { log });
    assert.equal((await client.fetch("/")).status, 500);
    assert.equal(lines.filter((line) => JSON.parse(line).level >= 50).length, 1);
  });
});

describe("what Node would not tell of", () => {
  const fillers = "a:b\r\n".repeat(2_100);

  test("an Origin behind two thousand headers is checked all the same", async () => {
    await using client = await TestClient.start(echo());
    await using wire = await Wire.connect(client.url);
    const text = handshake("/").replace(
      "\r\n\r\n",
      `\r\n${fillers}Origin: https://evil.example\r\n\r\n`,
    );
    wire.write(text);
    assert.equal((await wire.response()).status, 403);
  });

  test("a Content-Length behind two thousand headers is seen", async () => {
    await using client = await TestClient.start(echo());
    await using wire = await Wire.connect(client.url);
    wire.write(handshake("/").replace("\r\n\r\n", `\r\n${fillers}Content-Length: 7\r\n\r\n`));
    assert.equal((await wire.response()).status, 400);
  });

  test("two Host headers, or none, are refused 400 for a handshake", async () => {
    await using client = await TestClient.start(echo());
    for (const text of [
      handshake("/", { Host: undefined }),
      handshake("/").replace("\r\n\r\n", "\r\nHost: evil.example\r\n\r\n"),
    ]) {
      await using wire = await Wire.connect(client.url);
      wire.write(text);
      assert.equal((await wire.response()).status, 400);
    }
  });
});

test("origins of a mount do not hold for a route of the app itself", async () => {
  const partner = { allowedOrigins: ["https://partner.example"] };
  const app = new App().websocket("/private", () => {}).websocket("/sub", () => {});
  app.mount(
    "/",
    new App(partner).websocket("/open", () => {}),
  );
  app.mount(
    "/sub",
    new App(partner).websocket("/", () => {}),
  );
  await using client = await TestClient.start(app);
  const headers = { Origin: "https://partner.example" };
  for (const path of ["/open", "/sub/"]) await client.connect(path, { headers });
  for (const path of ["/private", "/sub"]) {
    await assert.rejects(client.connect(path, { headers }), (error: HandshakeRefused) => {
      assert.equal(error.status, 403, path);
      return true;
    });
  }
});

test("a client that half-closes and does not read is ended by a close", async () => {
  let hand: (socket: Connection) => void = () => {};
  const handed = new Promise<Connection>((resolve) => {
    hand = resolve;
  });
  const options = { maxBufferedBytes: 64 * 1024 * 1024, messageTimeoutMs: 400 };
  const app = new App().websocket("/", options, async (socket) => {
    hand(socket);
    await socket.closed;
  });
  await using client = await TestClient.start(app);
  await using wire = await Wire.connect(client.url, true);
  wire.write(handshake("/"));
  await wire.head();
  wire.socket.pause();
  const connection = await handed;
  for (let i = 0; i < 400; i++) void connection.send("x".repeat(60_000));
  wire.socket.end();
  // ws takes the half-close for the beginning of the end.
  while (connection.open) await new Promise((resolve) => setImmediate(resolve));
  connection.close();
  assert.equal((await connection.closed).code, 1006);
});
