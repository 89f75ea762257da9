// What goes wrong in the world, done to real sockets. Each test says in its diagnostics what it
// has measured; docs/reliability.md has the figures.

import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { App } from "koa-subapps";
import { HandshakeRefused, TestClient, type TestSocket } from "koa-subapps/testing";
import { WebSocket } from "ws";
import { createChat } from "../../apps/chat/index.ts";
import type { FromServer } from "../../apps/chat/protocol.ts";
import { Rooms } from "../../apps/chat/room.ts";
import { echo } from "../../apps/echo/index.ts";
import { startApp } from "../support/app-process.ts";
import { frame, handshake, Wire } from "../support/wire.ts";
import { Child } from "./faults/child.ts";
import type { Crowd } from "./faults/crowd.ts";
import { MIB, mib, seconds, until, WAIT_MS } from "./faults/measure.ts";
import { StallingProxy } from "./faults/stalling-proxy.ts";

const patient = { timeoutMs: WAIT_MS };

describe("a client that never reads", () => {
  test("is cut off at its bound, and the nine others get everything", async (t) => {
    const room = "never-reads";
    const rooms = new Rooms();
    const { hub, presence } = rooms;
    await using client = await TestClient.start(new App().mount("/chat", createChat(rooms)));
    const members: TestSocket[] = [];
    for (let n = 0; n < 9; n++) members.push(await member(client, room, `reader-${n}`));
    await using deaf = await Wire.connect(client.url);
    deaf.write(handshake(`/chat/${room}/deaf`, { "Sec-WebSocket-Protocol": "chat.v1" }));
    await deaf.head();
    deaf.socket.pause();
    await until(() => hub.members(room).length === 10, "ten members");
    const connection = hub.members(room)[9];
    assert.ok(connection);

    const [sender, witness] = members as [TestSocket, TestSocket];
    const left: string[] = [];
    witness.ws.on("message", (data) => {
      const message: FromServer = JSON.parse(data.toString());
      if (message.type === "left") left.push(message.member.id);
    });
    const before = process.memoryUsage();
    let [most, mostMemory, said, cutOffAt] = [0, 0, 0, 0];
    // As many again once it is gone: the others notice nothing.
    for (; cutOffAt === 0 || said < cutOffAt + 20; said++) {
      assert.ok(said < 400, `expected it to be cut off by now; ${mib(most)} wait for it`);
      const text = `${said}:`.padEnd(60_000, "x");
      sender.sendJson({ type: "say", id: `id-${said}`, text });
      for (const each of members) {
        const message = await next(each, "message");
        assert.equal(message.offset, said + 1);
        assert.equal(message.text, text);
      }
      most = Math.max(most, connection.bufferedBytes);
      const { external, arrayBuffers } = process.memoryUsage();
      mostMemory = Math.max(mostMemory, external + arrayBuffers);
      if (!connection.open) cutOffAt ||= said;
    }
    // A message is taken as long as no more than 1 MiB waits, so one more may be on top.
    assert.ok(most > 0 && most <= MIB + 64 * 1024, `${most} bytes waited`);
    assert.deepEqual(left, ["deaf"]);
    assert.equal(hub.members(room).length, 9);
    assert.equal(presence.list(room).length, 9);
    const grown = mostMemory - before.external - before.arrayBuffers;
    t.diagnostic(
      `cut off after ${cutOffAt} messages of 60 kB with ${mib(most)} waiting; ` +
        `buffers of the process grew by ${mib(grown)} at most; ` +
        `9 × ${said} of ${9 * said} messages delivered, in order`,
    );
  });

  test("and never stops sending is no longer read itself, and holds nobody else", async (t) => {
    await using client = await TestClient.start(new App().mount("/ws", echo));
    const bystander = await client.connect("/ws/");
    await using deaf = await Wire.connect(client.url);
    deaf.write(handshake("/ws/"));
    await deaf.head();
    deaf.socket.pause();
    const { connection } = [...client.serving.upgrades.live][1] ?? {};
    assert.ok(connection);
    const one = frame(1, "x".repeat(60_000));
    let [most, taken, still] = [0, 0, 0];
    while (still < 50) {
      if (deaf.socket.writableLength < MIB) deaf.write(one);
      const arrived = deaf.socket.bytesWritten - deaf.socket.writableLength;
      still = arrived > taken ? 0 : still + 1;
      taken = arrived;
      most = Math.max(most, connection.bufferedBytes);
      await sleep(10);
      assert.ok(taken < 64 * MIB, "expected the server to stop reading");
    }
    // One message above the high-water mark waits, and the handler with it.
    assert.ok(most > 0 && most <= 64 * 1024 + 64 * 1024, `${most} bytes waited`);
    assert.ok(connection.open);
    bystander.send("hello");
    assert.equal(await bystander.receive(patient), "Message text was: hello");
    t.diagnostic(
      `the server took ${mib(taken)} (kernel buffers included) and stopped; ` +
        `${mib(most)} waited to be sent; a bystander was answered`,
    );
  });
});

test("clients whose packets vanish are gone, and room, registry, presence and counters are exact", async (t) => {
  const room = "half-open";
  const rooms = new Rooms();
  const { hub, presence } = rooms;
  const app = new App({ maxConnections: 100 });
  app.mount("/chat", createChat(rooms, { heartbeatMs: 200, pongTimeoutMs: 200 }));
  await using client = await TestClient.start(app, { maxConnections: 5 });
  await using proxy = await StallingProxy.to(client.url);
  const ends: number[] = [];
  client.serving.upgrades.on("closed", (_handshake, { code }) => ends.push(code));
  const members: TestSocket[] = [];
  for (let n = 0; n < 3; n++) members.push(await member(client, room, `near-${n}`));
  const far = await Promise.all(
    ["far-0", "far-1"].map((id) => opened(`${proxy.url}chat/${room}/${id}`)),
  );
  for (const id of ["far-0", "far-1"]) {
    assert.equal((await next(members[0] as TestSocket, "joined", { member: id })).member.id, id);
  }
  await assert.rejects(member(client, room, "one-too-many"), refusedWith(503));

  const stalledAt = performance.now();
  proxy.stall();
  const left = new Set<string>();
  for (let n = 0; n < 2; n++) left.add((await next(members[0] as TestSocket, "left")).member.id);
  const took = performance.now() - stalledAt;
  assert.deepEqual([...left].sort(), ["far-0", "far-1"]);
  await until(() => client.serving.upgrades.live.size === 3, "two to be let go");
  assert.deepEqual(ends, [1006, 1006]);
  assert.equal(hub.members(room).length, 3);
  assert.equal(hub.connections().length, 3);
  assert.deepEqual(
    presence.list(room).map(({ id }) => id),
    ["near-0", "near-1", "near-2"],
  );
  assert.equal(app.limits?.total, 3);
  // The server's own count, by what it lets in: two more and not three.
  members.push(await member(client, room, "near-3"), await member(client, room, "near-4"));
  await assert.rejects(member(client, room, "one-too-many"), refusedWith(503));
  members[0]?.sendJson({ type: "say", id: "1", text: "still here" });
  for (const each of members) assert.equal((await next(each, "message")).text, "still here");
  for (const ws of far) ws.terminate();
  t.diagnostic(`gone after ${Math.round(took)} ms with a ping and a pong timeout of 200 ms each`);
});

test("an event loop that is blocked for 2 s kills no healthy client", async (t) => {
  const crowd = { echoes: 40, rooms: 1, members: 10 };
  await using server = new Child("blocking-server.ts");
  await using clients = new Child("crowd.ts");
  const url = await server.ask<string>("start", { ms: 500 });
  assert.equal(await clients.ask("open", { ...crowd, url }), 50);
  for (let n = 0; n < 3; n++) {
    await server.ask("block", { ms: 2_000 });
    await clients.ask("converse", crowd);
    // Time for whoever was taken for dead to be found missing.
    await sleep(1_500);
  }
  assert.deepEqual(await server.ask("state", { room: "room-0" }), { ends: [], present: 10 });
  assert.deepEqual(await clients.ask("leave", { how: "close" }), { 1000: 50 });
  t.diagnostic(
    "blocked three times for 2 s with a ping and a pong timeout of 500 ms each: 50 of 50 stayed",
  );
});

test("SIGTERM under load gives 500 sending clients 1012, and the process exits 0", async (t) => {
  await using server = await startApp();
  await using clients = new Child("crowd.ts");
  const crowd: Crowd = { url: server.url, echoes: 250, rooms: 50, members: 5 };
  assert.equal(await clients.ask("open", crowd), 500);
  await clients.ask("load");
  while ((await clients.ask<number>("heard")) < 4_000) await sleep(50);
  const counting = clients.ask<Record<string, number>>("codes");
  const signalled = performance.now();
  const code = await server.stop();
  const took = performance.now() - signalled;
  const codes = await counting;
  assert.deepEqual(codes, { 1012: 500 });
  assert.equal(code, 0);
  t.diagnostic(`codes ${JSON.stringify(codes)}, exit code ${code} after ${seconds(took)}`);
});

test("a third sub-app that fails to start stops the first two in reverse", async (t) => {
  const story: string[] = [];
  const living = (name: string) =>
    new App().lifespan(async function* () {
      story.push(`start ${name}`);
      if (name === "third") throw new Error("no database");
      yield;
      story.push(`stop ${name}`);
    });
  const app = new App();
  for (const name of ["first", "second", "third", "fourth"]) app.mount(`/${name}`, living(name));
  await assert.rejects(TestClient.start(app), /no database/);
  assert.deepEqual(story, [
    "start first",
    "start second",
    "start third",
    "stop second",
    "stop first",
  ]);
  t.diagnostic(story.join(", "));
});

/** A member of a room that speaks chat.v1, once it has been welcomed. */
async function member(client: TestClient, room: string, id: string): Promise<TestSocket> {
  const socket = await client.connect(`/chat/${room}/${id}`, {
    protocols: ["chat.v1"],
    timeoutMs: WAIT_MS,
  });
  await next(socket, "welcome");
  return socket;
}

/** A client that reads plain text, at any address. */
async function opened(url: string): Promise<WebSocket> {
  const ws = new WebSocket(url, { perMessageDeflate: false });
  ws.on("error", () => {});
  await once(ws, "open");
  return ws;
}

/** The next message of a type; what else comes is passed over, but never a message of the room. */
async function next<Type extends FromServer["type"]>(
  socket: TestSocket,
  type: Type,
  { member }: { member?: string } = {},
): Promise<Extract<FromServer, { type: Type }>> {
  for (;;) {
    const message = await socket.receiveJson<FromServer>(patient);
    const other = "member" in message && member !== undefined && message.member.id !== member;
    if (message.type === type && !other) return message as Extract<FromServer, { type: Type }>;
    assert.notEqual(message.type, "message");
    assert.notEqual(message.type, "error");
  }
}

function refusedWith(status: number): (error: unknown) => boolean {
  return (error) => error instanceof HandshakeRefused && error.status === status;
}
