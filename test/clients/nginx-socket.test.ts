// Debian's nginx with docs/nginx.conf, in front of main.ts on a Unix socket, under a prefix.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { generate } from "selfsigned";
import { WebSocket } from "ws";
import { type Nginx, startNginx } from "../support/nginx.ts";
import { Program } from "../support/program.ts";
import { ROOT } from "../support/snippets.ts";
import { until } from "../support/within.ts";

const HOST = "example.com";
const TOKEN = "a token of the tests alone";
/** Where the clients come from. */
const CLIENT = "127.0.0.2";
const WAIT_MS = 30_000;

let directory: string;
let app: Program;
let nginx: Nginx;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "nginx-socket-"));
  const socket = join(directory, "app.sock");
  app = new Program("exec node --import tsx main.ts", {
    cwd: ROOT,
    env: {
      SOCKET: socket,
      TRUST_PROXY: "unix",
      ALLOWED_HOSTS: HOST,
      ROOT_PATH: "/api",
      ADMIN_TOKEN: TOKEN,
    },
  });
  await app.prints(/listening on http:\/\/unix:/);
  nginx = await startNginx(socket, await generate([{ name: "commonName", value: HOST }]), "/api");
});
after(async () => {
  await nginx?.[Symbol.asyncDispose]();
  await app?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

test("the page and what it asks for are there, relative to the prefix", async () => {
  const { status, body } = await get("/api/");
  assert.equal(status, 200);
  const names = [...body.matchAll(/(?:src|href)="([^"#:]+)"/g)].map(([, name]) => name as string);
  assert.ok(names.length > 0);
  for (const name of names) {
    const { pathname } = new URL(name, `http://${HOST}/api/`);
    assert.ok(pathname.startsWith("/api/"), name);
    assert.equal((await get(pathname)).status, 200, pathname);
  }
});

test("a WebSocket of the page's own origin is accepted, and of no other", async () => {
  const socket = new WebSocket(urlOf("/api/ws/"), options(`http://${HOST}`));
  const message = once(socket, "message", { signal: AbortSignal.timeout(WAIT_MS) });
  await once(socket, "open", { signal: AbortSignal.timeout(WAIT_MS) });
  socket.send("hi");
  assert.equal(String((await message)[0]), "Message text was: hi");
  socket.terminate();
  assert.equal((await refused("/api/ws/", "https://evil.example")).status, 403);
});

test("redirects, refusals and the paths of cookies have the prefix", async () => {
  const redirect = await get("/api/ws?x=1");
  assert.deepEqual([redirect.status, redirect.headers.location], [307, "/api/ws/?x=1"]);
  assert.match((await refused("/api/ws", `http://${HOST}`)).body, /connect to \/api\/ws\/$/);
  const session = await get("/api/admin/session", "POST", { Authorization: `Bearer ${TOKEN}` });
  assert.match(String(session.headers["set-cookie"]), /path=\/api\/admin\//);
});

test("the log shows the client's address, for handshakes and requests", async () => {
  await get("/api/nowhere/logged");
  await refused("/api/nowhere/shaken", `http://${HOST}`);
  for (const path of ["/nowhere/logged", "/nowhere/shaken"]) {
    const line = await app.prints(new RegExp(`.*"path":"${path}".*`));
    assert.equal(JSON.parse(line).client, CLIENT);
  }
});

test("SIGTERM ends it, and nginx says 502", async () => {
  app.signal("SIGTERM");
  assert.equal((await app.ends()).code, 0);
  await until(async () => (await get("/api/readyz")).status === 502, "502");
});

function urlOf(path: string): string {
  return `ws://127.0.0.1:${nginx.ports.http}${path}`;
}

function options(origin: string) {
  return { localAddress: CLIENT, origin, headers: { Host: HOST } } as object;
}

/** The response that refuses a handshake. */
async function refused(path: string, origin: string): Promise<{ status: number; body: string }> {
  const socket = new WebSocket(urlOf(path), options(origin));
  socket.on("error", () => {});
  const signal = AbortSignal.timeout(WAIT_MS);
  const [, response] = await once(socket, "unexpected-response", { signal });
  return { status: response.statusCode, body: await textOf(response) };
}

async function get(path: string, method = "GET", headers = {}) {
  const request = http.request({
    ...{ host: "127.0.0.1", port: nginx.ports.http, path, method, agent: false },
    ...{ localAddress: CLIENT, headers: { Host: HOST, ...headers } },
  });
  request.end();
  const signal = AbortSignal.timeout(WAIT_MS);
  const [response] = (await once(request, "response", { signal })) as [http.IncomingMessage];
  return { status: response.statusCode, headers: response.headers, body: await textOf(response) };
}

async function textOf(response: http.IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of response) text += chunk;
  return text;
}
