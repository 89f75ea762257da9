import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { App, createLog } from "../../lib/index.ts";
import { TestClient } from "../../lib/testing/index.ts";

interface Line {
  readonly level: number;
  readonly event?: string;
  readonly path?: string;
  readonly status?: number;
  readonly code?: number;
  readonly client?: string;
  readonly durationMs?: number;
  readonly msg: string;
  readonly err?: { stack: string };
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
  app.mount("/ws", echo).mount("/broken", broken);
  app.router.get("/page", (ctx) => {
    ctx.body = "a page";
  });
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
    /^127\.0\.0\.1:\d+ - "WebSocket \/ws\/" \[closed 4001 after 0\.\d s\]$/,
  );
  assert.equal(closed?.code, 4001);
  assert.equal(closed?.client, accepted?.client);
  assert.ok(!text.includes("hunter2"), "no query, header, message or reason in the log");
});

test("a refused handshake and an HTTP request have a line each", async () => {
  const { lines } = await story(async (client) => {
    await client.connect("/ws").catch(() => {});
    await (await client.fetch("/page?q=1")).text();
  });
  assert.match(
    lines.find((line) => line.event === "handshake")?.msg ?? "",
    /"WebSocket \/ws" \[refused 403 Forbidden\]$/,
  );
  assert.match(
    lines.find((line) => line.event === "request")?.msg ?? "",
    /"GET \/page" 200 OK \d+ ms$/,
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
