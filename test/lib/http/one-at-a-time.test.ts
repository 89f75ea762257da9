import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import http, { type Server, type ServerResponse } from "node:http";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import serveFiles from "koa-static";
import { App, attach } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { generate } from "selfsigned";
import { frame, handshake, Wire } from "../../support/wire.ts";
import { until, within } from "../../support/within.ts";

const pems = await generate([{ name: "commonName", value: "127.0.0.1" }]);
const GET = "GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n";
const last = GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");

/** How many requests an app is answering now, and the most there were. */
class InFlight {
  now = 0;
  most = 0;
  all = 0;

  /** An app that answers each after a turn of the event loop, with its number. */
  app(): App {
    const app = new App();
    app.use(async (ctx, next) => {
      const number = ++this.all;
      this.most = Math.max(this.most, ++this.now);
      ctx.res.once("close", () => this.now--);
      const body = ctx.method === "POST" ? await text(ctx.req) : "";
      await new Promise(setImmediate);
      ctx.body = `<${number}${body}>`;
      await next();
    });
    return app.websocket("/ws", async (socket) => {
      for await (const message of socket) await socket.send(`got ${message}`);
    });
  }
}

function numbers(wire: Wire): string[] {
  return [...wire.buffer.toString().matchAll(/<([^>]*)>/g)].map((match) => match[1] as string);
}

for (const scheme of ["http", "https"]) {
  describe(`over ${scheme}, a connection`, () => {
    const options = scheme === "https" ? { tls: { cert: pems.cert, key: pems.private } } : {};

    test("that sends two hundred requests at once gets as many answers in order, one begun at a time", async () => {
      const flight = new InFlight();
      await using client = await TestClient.start(flight.app(), options);
      await using wire = await Wire.connect(client.url);
      wire.write(GET.repeat(199), last);
      await until(
        () => flight.all === 200,
        () => `200 requests, got ${flight.all}`,
      );
      await wire.end();
      assert.deepEqual(
        numbers(wire),
        Array.from({ length: 200 }, (_, i) => `${i + 1}`),
      );
      assert.equal(flight.most, 1);
    });

    test("gets answers to requests with bodies, whole and in chunks, cut anywhere", async () => {
      const flight = new InFlight();
      await using client = await TestClient.start(flight.app(), options);
      const post = "POST /p HTTP/1.1\r\nHost: localhost\r\n";
      const whole = `${post}Content-Length: 8\r\n\r\n\r\n\r\nabcd`;
      const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n4\r\n\r\n\r\n\r\n4\r\nefgh\r\n0\r\n\r\n`;
      const bytes = Buffer.from((whole + GET + chunked + GET + GET).repeat(3));
      const expected = [":abcd", "", ":efgh", "", ""];
      for (const size of [bytes.length, 1, 7, 64, 333]) {
        flight.all = 0;
        await using wire = await Wire.connect(client.url);
        wire.socket.setNoDelay(true);
        for (let at = 0; at < bytes.length; at += size) {
          wire.write(bytes.subarray(at, at + size));
          await new Promise(setImmediate);
        }
        await until(
          () => numbers(wire).length === 15,
          () => `15 answers, got ${flight.all}`,
        );
        const bodies = numbers(wire).map((each) => each.replace(/^\d+\s*/, ""));
        assert.deepEqual(
          bodies,
          [...expected, ...expected, ...expected].map((each) => each.replace(":", "")),
          `in parts of ${size}`,
        );
        assert.equal(flight.most, 1);
        await until(() => flight.now === 0, "the end of the last answer");
      }
    });

    test("that sends its handshake before the answer has left gets the answer whole, then the end", async () => {
      const flight = new InFlight();
      await using client = await TestClient.start(flight.app(), options);
      await using wire = await Wire.connect(client.url);
      wire.write(GET, handshake("/ws"), frame(1, "\r\n\r\n"));
      const { status, body } = await wire.response();
      assert.equal(status, 200);
      assert.equal(body, "<1>");
      assert.equal(flight.all, 1);
    });

    test("that sends frames right behind its handshake loses none, whatever is in them", async () => {
      await using client = await TestClient.start(new InFlight().app(), options);
      await using wire = await Wire.connect(client.url);
      const texts = ["\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "last"];
      wire.write(handshake("/ws"), ...texts.map((each) => frame(1, each)));
      assert.equal((await wire.head()).status, 101);
      for (const each of texts)
        assert.equal((await wire.frame()).payload.toString(), `got ${each}`);
    });
  });
}

/** Counts the turns of the event loop until it is disposed of. */
class Turns implements Disposable {
  now = 0;
  #next = setImmediate(() => this.#turn());

  #turn(): void {
    this.now++;
    this.#next = setImmediate(() => this.#turn());
  }

  [Symbol.dispose](): void {
    clearImmediate(this.#next);
  }
}

test("requests that come two hundred at once are begun in as many turns of the event loop", async () => {
  using turns = new Turns();
  const begun = new Set<number>();
  const app = new App().use((ctx) => {
    begun.add(turns.now);
    ctx.body = "here";
  });
  await using client = await TestClient.start(app);
  await using wire = await Wire.connect(client.url);
  wire.write(GET.repeat(199), last);
  await wire.end();
  assert.equal(begun.size, 200);
});

test("a hundred and fifty clients that send requests at once have eight begun a turn, so others have their turns too", async () => {
  using turns = new Turns();
  const begun = new Map<number, number>();
  let all = 0;
  const app = new App().use((ctx) => {
    ctx.body = "here";
    if (ctx.path === "/page") return;
    all++;
    begun.set(turns.now, (begun.get(turns.now) ?? 0) + 1);
  });
  await using client = await TestClient.start(app);
  const wires = await Promise.all(Array.from({ length: 150 }, () => Wire.connect(client.url)));
  // libuv accepts one a turn: who is not there yet begins later.
  await until(async () => (await connections(client)) === 150, "all connections");
  for (const wire of wires) wire.write(GET, GET.replace("page", "next").repeat(6));
  await until(
    () => all === 150 * 6,
    () => `all requests to be answered, not ${all}`,
  );
  for (const { socket } of wires) socket.destroy();
  // Twice as many, where the turn was counted before those of one and after those of the next.
  assert.ok(Math.max(...begun.values()) <= 16, `${Math.max(...begun.values())} in one turn`);
});

test("what a client does not read costs one answer and one open file for each connection", async () => {
  const directory = await mkdtemp(join(tmpdir(), "one-at-a-time-"));
  await writeFile(join(directory, "page"), Buffer.alloc(8 * 1024 * 1024));
  try {
    const app = new App().use(serveFiles(directory) as never);
    await using client = await TestClient.start(app);
    // Each response, as Node makes it for a request that it has parsed.
    const responses = new Set<ServerResponse>();
    client.serving.server.on("request", (_req, res) => responses.add(res));
    const wires = await Promise.all(Array.from({ length: 20 }, () => Wire.connect(client.url)));
    for (const { socket } of wires) socket.pause();
    await until(async () => (await connections(client)) === 20, "all connections");
    const before = await openFiles();
    for (const wire of wires) wire.write(GET.repeat(1_000));
    await until(() => responses.size >= 20, "a response for each");
    // What has come to the server is handled when a later client has its answer.
    for (let i = 0; i < 5; i++) {
      const response = await client.fetch("/nothing");
      assert.equal(response.status, 404);
      await response.arrayBuffer();
    }
    assert.ok(responses.size <= 20 + 5, `${responses.size} responses`);
    assert.ok((await openFiles()) - before <= 20 + 5, "files and the other clients' sockets");
    for (const wire of wires) wire.socket.destroy();
  } finally {
    await rm(directory, { recursive: true });
  }
});

function connections({ serving }: TestClient): Promise<number> {
  return connectionsOf(serving.server as Server);
}

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.getConnections((_, count) => resolve(count));
  });
}

async function openFiles(): Promise<number> {
  return (await readdir("/proc/self/fd")).length;
}

test("a response that its client does not read ends the connection, and the body is let go", async () => {
  const app = new App();
  const closed = new Promise<void>((resolve) => {
    app.use((ctx) => {
      ctx.res.once("close", resolve);
      ctx.body = Buffer.alloc(32 * 1024 * 1024);
    });
  });
  await using client = await TestClient.start(app, { unreadResponseMs: 100 });
  await using wire = await Wire.connect(client.url);
  wire.socket.pause();
  wire.write(GET);
  await within(closed, "the end of the response");
  await until(async () => (await connections(client)) === 0, "the end of the connection");
});

test("a response that is read slowly, or waits for its app, goes on past that time", async () => {
  const app = new App();
  let go: () => void = () => {};
  const going = new Promise<void>((resolve) => {
    go = resolve;
  });
  app.use(async (ctx) => {
    if (ctx.path === "/late") await going;
    ctx.body = ctx.path === "/late" ? "late" : Buffer.alloc(16 * 1024 * 1024);
  });
  await using client = await TestClient.start(app, { unreadResponseMs: 200 });
  const { port, hostname } = new URL(client.url);
  await using late = await Wire.connect(client.url);
  late.write(GET.replace("/page", "/late"));
  const witness = await Wire.connect(client.url);
  witness.socket.pause();
  witness.write(GET);
  const socket = net.connect(Number(port), hostname);
  await once(socket, "connect");
  socket.write(last);
  let bytes = 0;
  socket.on("data", (chunk) => {
    bytes += chunk.length;
    socket.pause();
    setImmediate(() => socket.resume());
  });
  // One that reads nothing has been ended: the time has passed for the others too.
  await until(
    async () => (await connections(client)) <= 2,
    "the end of the connection that is not read",
  );
  go();
  assert.equal((await late.head()).status, 200);
  if (!socket.closed) await within(once(socket, "close"), "the end of the response");
  assert.ok(bytes > 16 * 1024 * 1024, `${bytes} bytes`);
  witness.socket.destroy();
});

/** Longer than what the buffers of a socket and its client take. */
const LONG = Buffer.alloc(32 * 1024 * 1024);

function long(): App {
  return new App().use((ctx) => {
    ctx.body = LONG;
  });
}

describe("a socket whose parser is gone is ended when its client does not read on", () => {
  for (const scheme of ["http", "https"]) {
    test(`in ${scheme}, where it asked for another protocol`, async () => {
      const tls = scheme === "https" ? { tls: { cert: pems.cert, key: pems.private } } : {};
      await using client = await TestClient.start(long(), { unreadResponseMs: 100, ...tls });
      await using wire = await Wire.connect(client.url);
      wire.socket.pause();
      wire.write(handshake("/page", { Upgrade: "h2c" }));
      await once(client.serving.server, "request");
      await until(async () => (await connections(client)) === 0, "the end of the connection");
    });
  }

  test("where a handshake came right behind the request, on a server of one's own", async () => {
    const server = http.createServer();
    attach(server, long(), { unreadResponseMs: 100 });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const { port } = server.address() as AddressInfo;
      await using wire = await Wire.connect(`http://127.0.0.1:${port}`);
      wire.socket.pause();
      wire.write(GET, handshake("/ws"));
      await once(server, "upgrade");
      await until(async () => (await connectionsOf(server)) === 0, "the end of the connection");
    } finally {
      server.close();
    }
  });

  test("where the request was malformed, and the client neither reads nor ends", async () => {
    await using client = await TestClient.start(long());
    await using wire = await Wire.connect(client.url, true);
    const failed = once(client.serving.server, "clientError");
    wire.write("no request\r\n\r\n");
    await failed;
    await until(async () => (await connections(client)) === 0, "the end of the connection");
  });

  test("but not while its answer waits for the app", async () => {
    let go: () => void = () => {};
    const going = new Promise<void>((resolve) => {
      go = resolve;
    });
    const app = new App().use(async (ctx) => {
      if (ctx.path === "/late") await going;
      ctx.body = ctx.path === "/late" ? "late" : LONG;
    });
    await using client = await TestClient.start(app, { unreadResponseMs: 100 });
    await using late = await Wire.connect(client.url);
    late.write(handshake("/late", { Upgrade: "h2c" }));
    // Two that read nothing are ended one after the other: the time has passed for the other too.
    for (let round = 0; round < 2; round++) {
      await using witness = await Wire.connect(client.url);
      witness.socket.pause();
      witness.write(handshake("/page", { Upgrade: "h2c" }));
      await until(async () => (await connections(client)) === 2, "both connections");
      await until(async () => (await connections(client)) === 1, "the end of one connection");
    }
    go();
    assert.equal((await late.response()).body, "late");
  });
});
