// Debian's nginx with docs/nginx.conf, in front of main.ts in a process of its own.

import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { generate } from "selfsigned";
import { type ClientOptions, WebSocket } from "ws";
import { type AppProcess, startApp } from "../support/app-process.ts";
import { type Nginx, startNginx } from "../support/nginx.ts";
import { frame, handshake, Wire } from "../support/wire.ts";

const HOST = "example.com";
/** Where the clients come from: an address that is not nginx's own. */
const CLIENT = "127.0.0.2";
const WAIT_MS = 30_000;
/** Above the 30 seconds that a message may take, and a quarter more until that is noticed. */
const SLOW_MS = 60_000;
const LIMIT_BYTES = 64 * 1024;

let app: AppProcess;
let nginx: Nginx;

before(async () => {
  const pem = await generate([{ name: "commonName", value: HOST }]);
  app = await startApp({ env: { TRUST_PROXY: "loopback", ALLOWED_HOSTS: HOST } });
  nginx = await startNginx(app.port, pem);
});
after(async () => {
  await nginx?.[Symbol.asyncDispose]();
  await app?.[Symbol.asyncDispose]();
});

for (const scheme of ["ws", "wss"] as const) {
  const own = scheme === "ws" ? `http://${HOST}` : `https://${HOST}`;
  const other = scheme === "ws" ? `https://${HOST}` : `http://${HOST}`;

  describe(`over ${scheme}`, () => {
    test("the echo answers, in order and whole", async () => {
      const socket = await opened(scheme, "/ws/");
      const texts = ["hello", "", "grüße 🙂", "x".repeat(40_000), "last"];
      const answers = received(socket, texts.length);
      for (const text of texts) socket.send(text);
      assert.deepEqual(
        await answers,
        texts.map((text) => `Message text was: ${text}`),
      );
      assert.equal((await ended(socket, () => socket.close(1000))).code, 1000);
    });

    test("the room speaks its subprotocol", async () => {
      const socket = await opened(scheme, "/chat/nginx/ada?epoch=x&offset=1", {}, ["chat.v1"]);
      assert.equal(socket.protocol, "chat.v1");
      const [welcome] = await received(socket, 1);
      assert.equal(JSON.parse(welcome ?? "").recovered, false, "the query goes through");
      socket.terminate();
    });

    test("the page's own origin is let in, and no other", async () => {
      (await opened(scheme, "/ws/", { origin: own })).terminate();
      for (const origin of [other, `${own}:8000`, `${own}.evil.example`, "null"]) {
        assert.equal(await status(scheme, "/ws/", { origin }), 403, origin);
      }
    });

    test("what a client says was forwarded is not believed", async () => {
      const evil = "https://evil.example";
      const headers = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        Forwarded: "for=203.0.113.9;host=evil.example;proto=https",
      };
      assert.equal(await status(scheme, "/ws/", { origin: evil, headers }), 403);
      const path = `/chat/spoofed/${scheme}`;
      (await opened(scheme, path, { origin: own, headers })).terminate();
      assert.deepEqual(await clientsOf(path), [CLIENT]);
    });
  });
}

test("the access log shows the client's address, for handshakes and requests", async () => {
  (await opened("ws", "/chat/logged/ada")).terminate();
  assert.deepEqual(await clientsOf("/chat/logged/ada"), [CLIENT]);
  assert.equal((await get("/nowhere/logged")).statusCode, 404);
  assert.deepEqual(await clientsOf("/nowhere/logged"), [CLIENT]);
});

test("nginx's own log has no query, which may hold a ticket", async () => {
  assert.equal(await status("ws", "/admin/?ticket=secret", {}), 403);
  await until(async () => (await nginx.accessLog()).includes("/admin/"), "the line");
  assert.ok(!(await nginx.accessLog()).includes("secret"));
});

test("a Host that is not the server's is refused 421", async () => {
  assert.equal(await status("ws", "/ws/", { headers: { Host: "evil.example" } }), 421);
});

test("a target goes through as it came: no slash is merged, nothing decoded", async () => {
  for (const path of ["//ws/", "/ws//", "/w%73/", "/WS/", "/ws/%2e%2e/ws/"]) {
    const [through, direct] = [
      await refusal(nginx.ports.http, path),
      await refusal(app.port, path),
    ];
    assert.deepEqual(through, direct, path);
    assert.ok(through === 403 || through === 400, `${path} gets ${through}`);
  }
  const redirect = await get("/ws?x=%2F");
  assert.deepEqual([redirect.statusCode, redirect.headers.location], [307, "/ws/?x=%2F"]);
  assert.deepEqual(
    [(await get("/readyz")).statusCode, (await get("/livez")).statusCode],
    [200, 200],
  );
  assert.equal((await get("/")).statusCode, 200);
});

test("no other protocol gets a tunnel", async () => {
  await using wire = await Wire.connect(`http://127.0.0.1:${nginx.ports.http}`);
  const headers = { Host: HOST, Connection: "Upgrade, HTTP2-Settings", Upgrade: "h2c" };
  wire.write(handshake("/livez", { ...headers, "HTTP2-Settings": "AAMAAABkAAQAAP__" }));
  assert.equal((await wire.head()).status, 200);
});

test("a message that is too long closes 1009", async () => {
  const socket = await opened("wss", "/ws/");
  socket.send("x".repeat(LIMIT_BYTES));
  await received(socket, 1);
  const { code } = await ended(socket, () => socket.send("x".repeat(LIMIT_BYTES + 1)));
  assert.equal(code, 1009);
});

test("more messages than the burst close 1008", async () => {
  const socket = await opened("ws", "/ws/");
  const { code } = await ended(socket, () => {
    for (let n = 0; n < 700; n++) socket.send("x");
  });
  assert.equal(code, 1008);
});

test("a message that never ends closes 1008; who only listens is pinged, and stays", async () => {
  const idle = await opened("wss", "/ws/");
  const pinged = once(idle, "ping", { signal: AbortSignal.timeout(SLOW_MS) });
  await using wire = await Wire.connect(`http://127.0.0.1:${nginx.ports.http}`);
  wire.write(handshake("/ws/", { Host: HOST }), frame(1, "begun", false));
  assert.equal((await wire.head()).status, 101);
  // It is dribbled, so that nginx has no reason to time out either, and answers what it is asked.
  const dribble = setInterval(() => wire.write(frame(0, "x", false), frame(10)), 1_000);
  try {
    await until(async () => closeCode(wire) !== undefined, "the close frame", SLOW_MS);
  } finally {
    clearInterval(dribble);
  }
  assert.equal(closeCode(wire), 1008);
  await pinged;
  const answers = received(idle, 1);
  idle.send("still here");
  assert.deepEqual(await answers, ["Message text was: still here"]);
  idle.terminate();
});

test("SIGTERM closes 1012 through it, and what comes later gets 502", async () => {
  const sockets = [await opened("ws", "/ws/"), await opened("wss", "/chat/nginx/bob")];
  const ends = sockets.map((socket) => ended(socket));
  assert.equal(await app.stop(), 0);
  for (const end of ends) assert.deepEqual(await end, { code: 1012, reason: "service restart" });
  assert.equal((await get("/readyz")).statusCode, 502);
});

function client(
  scheme: "ws" | "wss",
  path: string,
  options: ClientOptions,
  protocols: string[] = [],
): WebSocket {
  const port = scheme === "ws" ? nginx.ports.http : nginx.ports.https;
  const socket = new WebSocket(`${scheme}://127.0.0.1:${port}${path}`, protocols, {
    localAddress: CLIENT,
    rejectUnauthorized: false,
    servername: HOST,
    perMessageDeflate: false,
    handshakeTimeout: WAIT_MS,
    ...options,
    headers: { Host: HOST, ...options.headers },
  } as ClientOptions);
  const inbox: string[] = [];
  inboxes.set(socket, inbox);
  // From the beginning: a message can come in the packet of the 101.
  socket.on("message", (data) => inbox.push(data.toString()));
  return socket;
}

async function opened(
  scheme: "ws" | "wss",
  path: string,
  options: ClientOptions = {},
  protocols: string[] = [],
): Promise<WebSocket> {
  const socket = client(scheme, path, options, protocols);
  await once(socket, "open");
  socket.on("error", () => {});
  return socket;
}

/** The status that refuses a handshake. */
async function status(scheme: "ws" | "wss", path: string, options: ClientOptions): Promise<number> {
  const socket = client(scheme, path, options);
  socket.on("error", () => {});
  const [, response] = await once(socket, "unexpected-response", {
    signal: AbortSignal.timeout(WAIT_MS),
  });
  response.destroy();
  return response.statusCode;
}

/** The status of a handshake whose target is written as it is: a client that parses it tidies it up. */
async function refusal(port: number, path: string): Promise<number> {
  await using wire = await Wire.connect(`http://127.0.0.1:${port}`);
  wire.write(handshake(path, { Host: HOST }));
  return (await wire.head()).status;
}

const inboxes = new WeakMap<WebSocket, string[]>();

/** The next messages, that many. */
async function received(socket: WebSocket, count: number): Promise<string[]> {
  const inbox = inboxes.get(socket) ?? [];
  await until(async () => inbox.length >= count, `${count} messages`);
  return inbox.splice(0, count);
}

async function ended(
  socket: WebSocket,
  begin = () => {},
): Promise<{ code: number; reason: string }> {
  const close = once(socket, "close", { signal: AbortSignal.timeout(WAIT_MS) });
  begin();
  const [code, reason] = await close;
  return { code, reason: reason.toString() };
}

function get(path: string): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { http: port } = nginx.ports;
    const options = { port, path, host: "127.0.0.1", localAddress: CLIENT, agent: false };
    const request = http.get({ ...options, headers: { Host: HOST } }, (response) => {
      response.resume();
      response.once("end", () => resolve(response));
    });
    request.once("error", reject);
  });
}

/** The clients that the server's access log names for a path. */
async function clientsOf(path: string): Promise<string[]> {
  const lines = () =>
    app
      .output()
      .split("\n")
      .filter((line) => line.includes(`"path":"${path}"`))
      .map((line) => JSON.parse(line));
  await until(async () => lines().length > 0, `a line for ${path}`);
  return [...new Set(lines().map(({ client }) => client))];
}

/** The code of the close frame, which is the last that the server sends. */
function closeCode({ buffer }: Wire): number | undefined {
  for (let at = 0; at + 3 < buffer.length; at += 2 + ((buffer[at + 1] ?? 0) & 127)) {
    if (buffer[at] === 0x88) return buffer.readUInt16BE(at + 2);
  }
  return undefined;
}

async function until(condition: () => Promise<boolean>, what: string, ms = WAIT_MS): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, `expected ${what} within ${ms} ms`);
    await sleep(20);
  }
}
