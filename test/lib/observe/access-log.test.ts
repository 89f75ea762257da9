import assert from "node:assert/strict";
import { once } from "node:events";
import { Readable } from "node:stream";
import { test } from "node:test";
import { App, createLog, Refusal } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { handshake, Wire } from "../../support/wire.ts";

interface Line {
  readonly level: number;
  readonly event?: string;
  readonly path?: string;
  readonly status?: number;
  readonly reason?: string;
  readonly code?: number;
  readonly client?: string;
  readonly durationMs?: number;
  readonly bytes?: number;
  readonly msg: string;
  readonly err?: { stack: string };
}

/** As the stream of a file that is read from a slow disk: its end comes after its last byte. */
function endingLate(): Readable {
  return new Readable({
    read() {
      this.push("a page");
      this._read = () => {};
    },
  });
}

async function story(
  act: (client: TestClient) => Promise<void>,
): Promise<{ lines: Line[]; text: string }> {
  const written: string[] = [];
  const log = createLog({ destination: { write: (line) => void written.push(line) } });
  const app = new App();
  const echo = new App().websocket("/", async (socket) => {
    for await (const text of socket) await socket.send(text);
  });
  const broken = new App().websocket("/", async (socket) => {
    await socket.receive();
    throw new Error("broken handler");
  });
  const refused = new App();
  refused.use((ctx) => {
    if (ctx.path === "/throws") ctx.throw(401, "no such token: hunter2");
    if (ctx.path === "/refuses") throw new Refusal(401, "no such token: hunter2");
    ctx.status = 401;
    if (ctx.path === "/answers") ctx.body = "no such token: hunter2";
  });
  refused.websocket("/:any", () => {});
  app.mount("/refused", refused);
  app.mount("/ws", echo).mount("/broken", broken);
  app.router.get("/page", (ctx) => {
    ctx.body = "a page";
  });
  app.router.get("/ends-late", (ctx) => {
    ctx.length = "a page".length;
    ctx.body = endingLate();
  });
  app.router.get("/long", (ctx) => {
    ctx.body = Buffer.alloc(32 * 1024 * 1024);
  });
  app.router.get("/never", () => new Promise(() => {}));
  app.router.get("/fails", () => {
    throw new Error("broken route");
  });
  const client = await TestClient.start(app, { log });
  await act(client);
  await client.close();
  return { lines: written.map((line) => JSON.parse(line)), text: written.join("") };
}

test("the log has a line for the handshake and one for the end of each connection, with its prefix", async () => {
  const { lines, text } = await story(async (client) => {
    const socket = await client.connect("/ws/?token=hunter2", {
      headers: { Authorization: "hunter2" },
    });
    socket.send("hunter2");
    await socket.receive();
    await socket.close(4001, "hunter2");
  });
  const [accepted] = lines.filter((line) => line.event === "handshake");
  const [closed] = lines.filter((line) => line.event === "close");
  assert.match(accepted?.msg ?? "", /^127\.0\.0\.1:\d+ - "WebSocket \/ws\/" \[accepted\]$/);
  assert.equal(accepted?.status, 101);
  assert.match(
    closed?.msg ?? "",
    /^127\.0\.0\.1:\d+ - "WebSocket \/ws\/" \[closed 4001 after \d+\.\d s\]$/,
  );
  assert.equal(closed?.code, 4001);
  assert.equal(closed?.client, accepted?.client);
  assert.ok(!text.includes("hunter2"), "no query, header, message or reason in the log");
});

test("a refused handshake and an HTTP request have a line each", async () => {
  const { lines, text } = await story(async (client) => {
    await client.connect("/ws?token=hunter2").catch(() => {});
    await (await client.fetch("/page?q=1")).text();
  });
  const reason = "there is no WebSocket route at this path; connect to /ws/";
  const refused = lines.find((line) => line.event === "handshake");
  assert.equal(refused?.reason, reason);
  assert.ok(refused?.msg.endsWith(`"WebSocket /ws" [refused 403 Forbidden: ${reason}]`));
  assert.ok(!text.includes("hunter2"), "no query in the URL to use");
  assert.match(
    lines.find((line) => line.event === "request")?.msg ?? "",
    /"GET \/page" 200 OK \d+ ms$/,
  );
});

test("an answer that the client has whole is told with status and size, though it left before the end of the file", async () => {
  const { lines } = await story(async (client) => {
    await told(client, "/ends-late", (wire) => wire.bytes("a page".length));
    await (await client.fetch("/page")).text();
    await (await client.fetch("/page", { method: "HEAD" })).text();
  });
  const [late, page, head] = lines.filter((line) => line.event === "request");
  assert.deepEqual([late?.status, late?.bytes], [200, 6]);
  assert.match(late?.msg ?? "", /"GET \/ends-late" 200 OK \d+ ms$/);
  assert.deepEqual([page?.status, page?.bytes], [200, 6]);
  assert.deepEqual([head?.status, head?.bytes], [200, 0]);
});

test("a client that left before it had the whole answer is told as such, with what it was answered", async () => {
  const { lines } = await story(async (client) => {
    await told(client, "/long", async (wire) => {
      wire.socket.pause();
    });
    const arrived = once(client.serving.server, "request");
    await told(client, "/never", async () => void (await arrived), false);
  });
  const [long, never] = lines.filter((line) => line.event === "request");
  assert.equal(long?.status, 200);
  assert.match(long?.msg ?? "", /200 OK \[client left after \d+ bytes\] \d+ ms$/);
  assert.equal(never?.status, undefined);
  assert.match(never?.msg ?? "", /"GET \/never" \[client left\] \d+ ms$/);
});

/** Asks for a path, and leaves when something has come; the server has noticed then. */
async function told(
  client: TestClient,
  path: string,
  come: (wire: Wire) => Promise<unknown>,
  isAnswered = true,
): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    client.serving.server.once("request", (_req, res) => res.once("close", resolve));
  });
  await using wire = await Wire.connect(client.url);
  wire.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  if (isAnswered) await wire.head();
  await come(wire);
  if (path === "/ends-late") wire.socket.end();
  else wire.socket.resetAndDestroy();
  await ended;
}

test("why a handshake was refused is in the log, unless it is the app who says it", async () => {
  const { lines } = await story(async (client) => {
    const attempts: [string, Record<string, string>][] = [
      ["/ws/", { Origin: "http://elsewhere.example" }],
      ["/ws/", { Host: "elsewhere.example" }],
      ["/page", {}],
      ["/ws/elsewhere", {}],
      ["/refused/throws", {}],
      ["/refused/refuses", {}],
      ["/refused/answers", {}],
      ["/refused/without-a-word", {}],
    ];
    for (const [path, headers] of attempts) await client.connect(path, { headers }).catch(() => {});
  });
  const told = lines.map(({ status, reason }) => [status, reason]).filter(([status]) => status);
  assert.deepEqual(told, [
    [
      403,
      "expected an Origin that is this server's own or one of ALLOWED_ORIGINS, but got another: " +
        '"http://elsewhere.example"',
    ],
    [
      421,
      "expected a Host that this server answers to, but got another; name it in ALLOWED_HOSTS: " +
        '"elsewhere.example"',
    ],
    [403, "this path answers plain HTTP, not a WebSocket"],
    [403, "there is no WebSocket route at this path"],
    [401, undefined],
    [401, undefined],
    [401, undefined],
    [401, undefined],
  ]);
});

test("what the admission refuses is in the log with what came, clipped and printable, for plain HTTP too", async () => {
  const long = `http://${"x".repeat(9_000)}`;
  const { lines } = await story(async (client) => {
    for (const origin of ["capacitor://localhost", 'a\u009b31m\u00e9"b', long, "null"]) {
      await client.fetch("/page", { method: "POST", headers: { Origin: origin } });
    }
  });
  const told = lines.filter(({ event }) => event === "request");
  assert.deepEqual(
    told.map(({ status, reason }) => [status, reason?.replace(/^[^:]*: /, "")]),
    [
      [403, '"capacitor://localhost"'],
      [403, '"a%C2%9B31m%C3%A9%22b"'],
      [403, `"${long.slice(0, 300)}…"`],
      [403, '"null"'],
    ],
  );
  assert.match(
    told[0]?.msg ?? "",
    /"POST \/page" 403 Forbidden: .*"capacitor:\/\/localhost" \d+ ms$/,
  );
});

test("an ordinary disconnect, even an abrupt one, is no error", async () => {
  const { lines } = await story(async (client) => {
    const socket = await client.connect("/ws/");
    const closed = once(client.serving.upgrades, "closed");
    socket.terminate();
    await closed;
  });
  assert.deepEqual(
    lines.filter((line) => line.level > 30),
    [],
  );
  assert.equal(lines.find((line) => line.event === "close")?.code, 1006);
});

test("what the server itself refuses is in the log with the code that the client got", async () => {
  const { lines } = await story(async (client) => {
    for (const [message, code] of [
      ["x".repeat(65_537), 1009],
      [Buffer.from("binary"), 1003],
    ] as const) {
      const socket = await client.connect("/ws/");
      const closed = once(client.serving.upgrades, "closed");
      socket.send(message);
      const end = await socket.closed();
      assert.equal(end.code, code);
      assert.notEqual(end.reason, "");
      await closed;
    }
    await using wire = await Wire.connect(client.url);
    const closed = once(client.serving.upgrades, "closed");
    wire.write(handshake("/ws/"), Buffer.from("838000000000", "hex"));
    assert.equal((await wire.head()).status, 101);
    const { payload } = await wire.frame();
    assert.equal(payload.readUInt16BE(), 1002);
    await closed;
  });
  const codes = lines.filter((line) => line.event === "close").map((line) => line.code);
  assert.deepEqual(codes, [1009, 1003, 1002]);
});

test("an error in a handler or a route is in the log whole, and once", async () => {
  const { lines } = await story(async (client) => {
    const socket = await client.connect("/broken/");
    socket.send("x");
    await socket.closed();
    assert.equal((await client.fetch("/fails")).status, 500);
  });
  const errors = lines.filter((line) => line.level >= 50);
  assert.deepEqual(
    errors.map((line) => line.msg),
    ["broken handler", "broken route"],
  );
  for (const line of errors) assert.match(line.err?.stack ?? "", /access-log\.test/);
});
