import assert from "node:assert/strict";
import { once } from "node:events";
import http, { type IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { describe, test } from "node:test";
import { App, type AttachOptions, attach, type Upgrades } from "koa-subapps";
import { type WebSocket, WebSocketServer } from "ws";
import { frame, handshake, Wire } from "../../support/wire.ts";

type Listener = (req: IncomingMessage, socket: Socket, head: Buffer) => void;

const wss = new WebSocketServer({ noServer: true });
wss.on("connection", (ws: WebSocket) => {
  ws.on("message", (data) => ws.send(`theirs ${data}`));
});

function upgrade(...[req, socket, head]: Parameters<Listener>): void {
  wss.handleUpgrade(req, socket, head, (ws) => wss.emit("connection", ws, req));
}

/** As Vite's: it takes what asks for its subprotocol and leaves the rest alone. */
const vite: Listener = (req, socket, head) => {
  if (req.headers["sec-websocket-protocol"] === "vite-hmr") upgrade(req, socket, head);
};

/** As engine.io's: it takes its path, and ends after a second what nobody has answered. */
const engineIo: Listener = (req, socket, head) => {
  if (req.url?.startsWith("/socket.io/")) return upgrade(req, socket, head);
  socket.on("error", () => {});
  const timer = setTimeout(() => {
    if (socket.writable && socket.bytesWritten <= 0) socket.end();
  }, 1_000);
  socket.once("close", () => clearTimeout(timer));
};

/** As Socket.IO's with an asynchronous `allowRequest`. */
const allowing: Listener = (req, socket, head) => {
  if (!req.url?.startsWith("/socket.io/")) return;
  // Sessions are looked up, over some turns of the event loop.
  let turns = 5;
  const decide = () => (--turns > 0 ? setImmediate(decide) : upgrade(req, socket, head));
  setImmediate(decide);
};

class Beside implements AsyncDisposable {
  readonly server: http.Server;
  readonly upgrades: Upgrades;
  readonly url: string;
  readonly seen: string[];

  constructor(server: http.Server, upgrades: Upgrades, seen: string[]) {
    this.server = server;
    this.upgrades = upgrades;
    this.seen = seen;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(listener: Listener, options: AttachOptions = {}): Promise<Beside> {
    const seen: string[] = [];
    const app = new App();
    app.on("error", () => {});
    app.use(async (ctx, next) => {
      seen.push(ctx.path);
      if (ctx.query.wait !== undefined) await new Promise(setImmediate);
      if (ctx.query.throws !== undefined) ctx.throw(401, "who are you");
      await next();
    });
    app.websocket("/ws", async (socket) => {
      for await (const text of socket) await socket.send(`ours ${text}`);
    });
    const server = http.createServer(app.callback());
    const upgrades = attach(server, app, options);
    server.on("upgrade", listener);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Beside(server, upgrades, seen);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const ws of wss.clients) ws.terminate();
    this.server.close();
    this.server.closeAllConnections();
  }
}

async function talk(url: string, text: string): Promise<[status: number, ...answers: string[]]> {
  await using wire = await Wire.connect(url);
  // One frame comes in the packet of the handshake: it is read once.
  wire.write(text, frame(1, "early"));
  const { status } = await wire.head();
  if (status !== 101) return [status];
  const early = (await wire.frame()).payload.toString();
  wire.write(frame(1, "late"));
  const late = (await wire.frame()).payload.toString();
  // Nothing but the frames has come.
  assert.equal(wire.buffer.length, 0);
  return [status, early, late];
}

describe("another library's listener that is added after attach", () => {
  const theirs = [101, "theirs early", "theirs late"];
  const takes: [string, Listener, string][] = [
    ["Vite's", vite, handshake("/", { "Sec-WebSocket-Protocol": "vite-hmr" })],
    [
      "Vite's, of another origin",
      vite,
      handshake("/?throws", {
        "Sec-WebSocket-Protocol": "vite-hmr",
        Origin: "http://localhost:5173",
      }),
    ],
    ["Socket.IO's", engineIo, handshake("/socket.io/?EIO=4&transport=websocket")],
    ["Socket.IO's, by another Host", engineIo, handshake("/socket.io/", { Host: "app.example" })],
    ["Socket.IO's that decides later", allowing, handshake("/socket.io/?EIO=4")],
    [
      "Socket.IO's that decides later than our middleware throws",
      allowing,
      handshake("/socket.io/?throws"),
    ],
    [
      "Socket.IO's that decides later than our check",
      allowing,
      handshake("/socket.io/", { Host: "app.example" }),
    ],
    [
      "Socket.IO's, of a version that is not ours",
      allowing,
      handshake("/socket.io/", { "Sec-WebSocket-Version": "8" }),
    ],
  ];
  for (const [whose, listener, text] of takes) {
    test(`answers first where our app would refuse: ${whose}`, async () => {
      await using beside = await Beside.start(listener);
      assert.deepEqual(await talk(beside.url, text), theirs);
      assert.deepEqual(await talk(beside.url, handshake("/ws")), [101, "ours early", "ours late"]);
    });
  }

  test("that takes a handshake at once keeps it from our middleware", async () => {
    await using beside = await Beside.start(vite);
    await talk(beside.url, takes[0]?.[2] ?? "");
    assert.deepEqual(beside.seen, []);
  });

  test("leaves other handshakes to our app, which serves its routes and refuses the rest", async () => {
    for (const listener of [vite, engineIo, allowing]) {
      await using beside = await Beside.start(listener);
      assert.deepEqual(await talk(beside.url, handshake("/ws?wait")), [
        101,
        "ours early",
        "ours late",
      ]);
      assert.deepEqual(await talk(beside.url, handshake("/elsewhere")), [403]);
      assert.deepEqual(await talk(beside.url, handshake("/ws?throws")), [401]);
      assert.deepEqual(await talk(beside.url, handshake("/ws", { Host: "evil.example" })), [421]);
    }
  });

  test("may take another protocol; our app answers other requests as plain HTTP", async () => {
    const chat: Listener = (req, socket) => {
      if (req.headers.upgrade !== "chat/1") return;
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat/1\r\nConnection: Upgrade\r\n\r\n",
      );
      socket.on("data", (chunk) => socket.write(chunk));
      socket.on("error", () => {});
    };
    await using beside = await Beside.start(chat);
    await using wire = await Wire.connect(beside.url);
    wire.write(handshake("/", { Upgrade: "chat/1" }));
    assert.equal((await wire.head()).status, 101);
    wire.write("hello");
    assert.equal((await wire.bytes(5)).toString(), "hello");
    await using other = await Wire.connect(beside.url);
    other.write(handshake("/ws", { Upgrade: "h2c" }));
    assert.equal((await other.response()).status, 426);
  });

  test("takes no place in our counts for a handshake that it has taken", async () => {
    await using beside = await Beside.start(allowing, { maxConnections: 1 });
    for (let i = 0; i < 3; i++) {
      const left = once(beside.upgrades, "abandoned");
      await using wire = await Wire.connect(beside.url);
      wire.write(handshake("/socket.io/"));
      assert.equal((await wire.head()).status, 101);
      const [{ taken }] = await left;
      assert.equal(taken, true);
    }
  });
});
