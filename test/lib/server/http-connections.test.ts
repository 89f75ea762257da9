import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { describe, test } from "node:test";
import { App, createLog, type Logger, type ServeOptions, serve } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { generate } from "selfsigned";
import { requestText } from "../../support/raw.ts";
import { Wire } from "../../support/wire.ts";
import { until } from "../../support/within.ts";

/** A log, and its lines of dropped connections. */
function listening(): { log: Logger; dropped: () => { connections: number; reason: string }[] } {
  const lines: string[] = [];
  const log = createLog({ destination: { write: (line: string) => void lines.push(line) } });
  const dropped = () =>
    lines.map((line) => JSON.parse(line)).filter(({ event }) => event === "dropped");
  return { log, dropped };
}

function app(): App {
  const root = new App();
  root.router.get("/page", (ctx) => {
    ctx.body = "here";
  });
  return root.websocket("/ws", async (socket) => {
    for await (const _ of socket);
  });
}

/** A client whose connection the server has seen. */
async function connect(client: TestClient): Promise<Wire> {
  const seen = once(client.serving.server, "connection");
  const wire = await Wire.connect(client.url);
  await seen;
  return wire;
}

/** A server's connections come from addresses of the test's choice. */
function comeFrom(client: TestClient, address: string): void {
  client.serving.server.prependListener("connection", (socket: net.Socket) => {
    Object.defineProperty(socket, "remoteAddress", { value: address });
  });
}

const GET = requestText("/page");

describe("plain HTTP connections", () => {
  test("beyond the limit are refused 503 with Retry-After, until one has gone", async () => {
    await using client = await TestClient.start(app(), { maxHttpConnections: 2 });
    await using one = await connect(client);
    await using two = await connect(client);
    await using three = await connect(client);
    three.write(requestText("/page", { headers: { Connection: "keep-alive" } }));
    const { status, headers } = await three.response();
    assert.deepEqual(
      [status, headers.get("retry-after"), headers.get("connection")],
      [503, "5", "close"],
    );
    one.write(GET);
    assert.equal((await one.response()).status, 200);
    await using four = await connect(client);
    four.write(GET);
    assert.equal((await four.response()).status, 200);
    two.write(GET);
    assert.equal((await two.response()).status, 200);
  });

  test("beyond the share of an address are refused 429, and no other's are", async () => {
    await using client = await TestClient.start(app(), { maxHttpConnectionsPerAddress: 1 });
    let address = "203.0.113.7";
    client.serving.server.prependListener("connection", (socket: net.Socket) => {
      Object.defineProperty(socket, "remoteAddress", { value: address });
    });
    await using _one = await connect(client);
    await using two = await connect(client);
    two.write(GET);
    const { status, headers } = await two.response();
    assert.deepEqual([status, headers.get("retry-after")], [429, "5"]);
    address = "203.0.113.8";
    await using three = await connect(client);
    three.write(GET);
    assert.equal((await three.response()).status, 200);
  });

  test("of loopback and of trusted proxies have no share", async () => {
    for (const [from, trustProxy] of [
      ["127.0.0.1", []],
      ["203.0.113.7", ["203.0.113.7"]],
    ] as const) {
      const options = { trustProxy, maxHttpConnectionsPerAddress: 1 };
      await using client = await TestClient.start(app(), options);
      comeFrom(client, from);
      await using _one = await connect(client);
      await using two = await connect(client);
      two.write(GET);
      assert.equal((await two.response()).status, 200, from);
    }
  });

  test("that have become a WebSocket count there, and no longer here", async () => {
    const pems = await generate([{ name: "commonName", value: "127.0.0.1" }]);
    for (const tls of [undefined, { cert: pems.cert, key: pems.private }]) {
      const options: ServeOptions = tls ? { tls } : {};
      await using client = await TestClient.start(app(), { ...options, maxHttpConnections: 1 });
      const sockets = [await client.connect("/ws"), await client.connect("/ws")];
      assert.equal(sockets.length, 2);
    }
  });

  test("beyond the limit still become a WebSocket, and are asked for their health", async () => {
    await using client = await TestClient.start(app(), { maxHttpConnections: 1 });
    await using _one = await connect(client);
    const socket = await client.connect("/ws");
    await socket.close();
    await using health = await connect(client);
    health.write(requestText("/readyz", { headers: { Connection: "keep-alive" } }));
    const { status, headers } = await health.response();
    assert.deepEqual([status, headers.get("connection")], [200, "close"]);
  });

  test("are closed at once when a thousand wait to be refused, and the log counts them", async () => {
    const { log, dropped } = listening();
    await using client = await TestClient.start(app(), { maxHttpConnections: 1, log });
    const { port } = new URL(client.url);
    const sockets: net.Socket[] = [];
    for (let i = 0; i < 1_001; i++) {
      const socket = net.connect(Number(port), "127.0.0.1");
      sockets.push(socket);
      await once(socket, "connect");
    }
    await using late = await connect(client);
    await late.end();
    for (const socket of sockets) socket.destroy();
    await until(() => dropped().length > 0, "a line");
    assert.match(dropped()[0]?.reason ?? "", /maxHttpConnections or maxHttpConnectionsPerAddress/);
  });

  test("beyond the limit are closed before the costs of TLS", async () => {
    const pems = await generate([{ name: "commonName", value: "127.0.0.1" }]);
    const { log, dropped } = listening();
    await using client = await TestClient.start(app(), {
      tls: { cert: pems.cert, key: pems.private },
      maxHttpConnections: 1,
      log,
    });
    await using _one = await Wire.connect(client.url);
    const raw = net.connect(Number(new URL(client.url).port), "127.0.0.1");
    await once(raw, "close");
    assert.equal(dropped()[0]?.connections, 1);
  });
});

describe("keepAliveTimeoutMs", () => {
  test("is 65 s by default, longer than a balancer's 60, and is told to clients", async () => {
    const serving = await serve(app(), { port: 0, log: createLog({ level: "silent" }) });
    const { headers } = await fetch(`${serving.url}page`);
    assert.equal(headers.get("keep-alive"), "timeout=65");
    await serving.close();
  });

  test("is an option, and 0 keeps no connection", async () => {
    await using client = await TestClient.start(app(), { keepAliveTimeoutMs: 0 });
    await using wire = await connect(client);
    wire.write(requestText("/page", { headers: { Connection: "keep-alive" } }));
    assert.equal((await wire.response()).status, 200);
    await using ten = await TestClient.start(app(), { keepAliveTimeoutMs: 10_000 });
    assert.equal(ten.serving.server.keepAliveTimeout, 10_000);
  });
});
