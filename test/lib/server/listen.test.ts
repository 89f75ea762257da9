import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { link, lstat, mkdtemp, readFile, rm, unlink, writeFile } from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { App, createLog, type ServeOptions, type Serving, serve } from "koa-subapps";
import { WebSocket } from "ws";
import { Program } from "../../support/program.ts";
import { ROOT } from "../../support/snippets.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "listen-"));
});
after(() => rm(directory, { recursive: true, force: true }));

const at = (name: string) => join(directory, name);

function telling(): App {
  const app = new App();
  app.router.get("/", (ctx) => {
    ctx.body = { ip: ctx.ip, host: ctx.host, secure: ctx.secure };
  });
  return app.websocket("/ws", async (socket, ctx) => {
    await socket.send(ctx.ip);
    for await (const _ of socket);
  });
}

function start(socket: string, options: ServeOptions = {}): Promise<Serving> {
  return serve(telling(), { log: createLog({ level: "silent" }), socket, ...options });
}

/** A GET over a Unix socket. */
async function get(socketPath: string, headers = {}): Promise<{ status?: number; body: string }> {
  const request = http.get({ socketPath, path: "/", agent: false, headers });
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  let body = "";
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode ?? 0, body };
}

/** The first message of a handshake, or the status that refused it. */
async function shake(socketPath: string, headers = {}): Promise<[WebSocket, string | number]> {
  const ws = new WebSocket(`ws+unix:${socketPath}:/ws`, {
    headers: { Host: "localhost", ...headers },
  });
  ws.on("error", () => {});
  const answer = await new Promise<string | number>((resolve) => {
    ws.once("message", (data) => resolve(data.toString()));
    ws.once("unexpected-response", (_, response) => resolve(response.statusCode ?? 0));
  });
  return [ws, answer];
}

/** A socket file that a killed server has left behind. */
async function stale(path: string): Promise<void> {
  const server = net.createServer().listen(`${path}.own`);
  await once(server, "listening");
  await link(`${path}.own`, path);
  server.close();
  await once(server, "close");
  assert.ok((await lstat(path)).isSocket());
}

const PROXIED = { "X-Forwarded-For": "203.0.113.7:50001", "X-Forwarded-Proto": "https" };

describe("a Unix socket", () => {
  test("is served in place of a port, and its file goes with the server", async () => {
    const path = at("plain.sock");
    const serving = await start(path);
    assert.equal(serving.url, `http://unix:${path}:/`);
    assert.equal((await get(path)).status, 200);
    assert.equal((await lstat(path)).mode & 0o777, 0o660);
    await serving.close();
    assert.equal(existsSync(path), false);
  });

  test("has a proxy at its other end only where unix is trusted", async () => {
    const path = at("trust.sock");
    for (const [trustProxy, ip, secure] of [
      [["unix"], "203.0.113.7", true],
      [["unix", "loopback"], "203.0.113.7", true],
      [["loopback"], "", false],
      [[], "", false],
    ] as const) {
      const serving = await start(path, { trustProxy });
      const { body } = await get(path, PROXIED);
      assert.deepEqual(JSON.parse(body), { ip, host: "localhost", secure });
      const [ws, first] = await shake(path, PROXIED);
      assert.equal(first, ip);
      ws.terminate();
      await serving.close();
    }
  });

  test("does not make a proxy of a TCP peer whose address is gone", async () => {
    const seen: string[] = [];
    const app = telling();
    app.use((ctx, next) => {
      seen.push(ctx.ip);
      return next();
    });
    const serving = await serve(app, {
      log: createLog({ level: "silent" }),
      port: 0,
      trustProxy: ["unix"],
    });
    // As the socket says of itself once it was reset.
    serving.server.prependListener("request", ({ socket }) => {
      Object.defineProperty(socket, "remoteAddress", { value: undefined });
    });
    const response = await fetch(serving.url, { headers: { ...PROXIED, Connection: "close" } });
    assert.equal(response.status, 200);
    assert.deepEqual(seen, [""]);
    await serving.close();
  });

  test("counts connections by the address that is forwarded, and has no share of its own", async () => {
    const path = at("limits.sock");
    const serving = await start(path, { trustProxy: ["unix"], maxConnectionsPerAddress: 1 });
    const all = [await shake(path), await shake(path), await shake(path, PROXIED)];
    assert.deepEqual(
      all.map(([, first]) => first),
      ["", "", "203.0.113.7"],
    );
    assert.equal((await shake(path, { "X-Forwarded-For": "203.0.113.7:9" }))[1], 429);
    all.push(await shake(path, { "X-Forwarded-For": "203.0.113.8" }));
    assert.equal(all[3]?.[1], "203.0.113.8");
    for (const [ws] of all) ws.terminate();
    await serving.close();
  });

  test("is named as such in the log", async () => {
    const path = at("log.sock");
    let text = "";
    const destination = {
      write(line: string) {
        text += line;
      },
    };
    const serving = await start(path, { log: createLog({ destination }) });
    await get(path);
    await serving.close();
    assert.match(text, /"client":"unix","method":"GET"/);
    assert.ok(text.includes(`listening on http://unix:${path}:/`));
  });
});

describe("the file of a Unix socket", () => {
  test("that nothing listens on is replaced", async () => {
    const path = at("stale.sock");
    await stale(path);
    const serving = await start(path);
    assert.equal((await get(path)).status, 200);
    await serving.close();
  });

  test("that a server listens on is left alone, and so is what is no socket", async () => {
    const path = at("living.sock");
    const first = await start(path);
    await assert.rejects(start(path), { code: "EADDRINUSE" });
    assert.equal((await get(path)).status, 200);
    await first.close();
    const file = at("file");
    await writeFile(file, "precious");
    await assert.rejects(start(file), { code: "EADDRINUSE" });
    assert.equal(await readFile(file, "utf8"), "precious");
    await unlink(file);
  });
});

describe("SOCKET", () => {
  const main = (socket: string) =>
    new Program("exec node --import tsx main.ts", { cwd: ROOT, env: { SOCKET: socket } });

  test("is where the process listens, again after it was killed", async () => {
    const path = at("process.sock");
    await using first = main(path);
    await first.prints(/listening on http:\/\/unix:/);
    await using second = main(path);
    const { code, output } = await second.ends();
    assert.equal(code, 3);
    assert.match(output, /^SOCKET: expected a free path, but \S+ is in use[^\n]*\n$/);
    first.signal("SIGKILL");
    await first.ends();
    assert.ok(existsSync(path));
    await using third = main(path);
    await third.prints(/listening on http:\/\/unix:/);
    assert.equal((await get(path)).status, 200);
    third.signal("SIGTERM");
    assert.equal((await third.ends()).code, 0);
  });

  test("in a folder that is not there is one line and exit code 2", async () => {
    await using program = main(at("nowhere/x.sock"));
    const { code, output } = await program.ends();
    assert.equal(code, 2);
    assert.match(output, /^SOCKET: expected a path in an existing, writable folder[^\n]*\n$/);
  });
});
