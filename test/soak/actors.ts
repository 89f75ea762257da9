import { once } from "node:events";
import net from "node:net";
import type { WebSocket } from "ws";
import { frame, handshake } from "../support/wire.ts";
import { sentence } from "./talker.ts";
import { closed, inTime, leave, textOf, type World } from "./world.ts";

const LIMIT_BYTES = 64 * 1024;
const BURST_MESSAGES = 500;
const END_MS = 30_000;

/** An echo client: every text has to come back once, in order, as long as the connection lives. */
export async function echoClient(world: World): Promise<void> {
  const { tally } = world;
  while (!world.ending) {
    const waiting: string[] = [];
    const ws = await world.open("/ws/", [], (opening) =>
      opening.on("message", (data) => {
        tally.received++;
        const text = textOf(data).replace("Message text was: ", "");
        if (text === waiting[0]) waiting.shift();
        else if (waiting.includes(text)) tally.reorderings++;
        else tally.duplicates++;
      }),
    );
    if (!ws) continue;
    const code = closed(ws);
    const until = performance.now() + world.between(1_000, 15_000);
    for (let n = 0; ws.readyState === ws.OPEN && !world.ending && performance.now() < until; n++) {
      const text = sentence("echo", n, world.between(1, 2_000));
      waiting.push(text);
      tally.sent++;
      ws.send(text);
      await world.pause(world.between(0, 200));
    }
    if (ws.readyState !== ws.OPEN) {
      world.lost("echo", await code);
      continue;
    }
    const how = world.one(["close", "abort", "reset", "half-close"] as const);
    if (how === "close" && !(await inTime(END_MS, () => waiting.length === 0))) {
      tally.losses += waiting.length;
    }
    leave(ws, how);
    tally.clientEnds++;
    await code;
  }
}

/** A member that reads and writes plain text, as in the tutorial. */
export async function plainMember(world: World, room: string, id: string): Promise<void> {
  const { tally } = world;
  let said = 0;
  while (!world.ending) {
    const numbers = new Map<string, number>();
    let answered = said;
    const ws = await world.open(`/chat/${room}/${id}`, [], (opening) =>
      opening.on("message", (data) => {
        tally.received++;
        const text = textOf(data);
        const [, own] = /^You wrote: [\w-]+:(\d+):/.exec(text) ?? [];
        if (own && Number(own) !== ++answered) tally.reorderings++;
        const [, from = "", n] = /^Client #([\w-]+) says: [\w-]+:(\d+):/.exec(text) ?? [];
        if (n) hear(world, numbers, from, Number(n));
        else if (!own && !/^Client #[\w-]+ left the chat$/.test(text)) tally.surprise("text");
      }),
    );
    if (!ws) continue;
    const code = closed(ws);
    const until = performance.now() + world.between(1_000, 15_000);
    while (ws.readyState === ws.OPEN && !world.ending && performance.now() < until) {
      tally.sent++;
      ws.send(sentence(id, ++said, 40));
      await world.pause(world.between(0, 2_000));
    }
    if (ws.readyState !== ws.OPEN) {
      world.lost("plain member", await code);
      continue;
    }
    leave(ws, world.one(["close", "abort", "reset", "half-close"]));
    tally.clientEnds++;
    await code;
  }
}

function hear({ tally }: World, numbers: Map<string, number>, from: string, n: number): void {
  const last = numbers.get(from);
  if (n === last) tally.duplicates++;
  else if (last !== undefined && n < last) tally.reorderings++;
  else if (last !== undefined && n > last + 1 && !from.startsWith("plain")) {
    tally.losses += n - last - 1;
  }
  numbers.set(from, n);
}

/** Connections that come, do little, and go, each in another way. */
export async function visitor(world: World): Promise<void> {
  while (!world.ending) {
    const path = world.one(["/ws/", `/chat/hall/guest-${Math.floor(world.between(0, 1_000))}`]);
    const ws = await world.open(path);
    if (!ws) continue;
    const code = closed(ws);
    if (world.between(0, 1) < 0.5) {
      world.tally.sent++;
      ws.send("hello");
    }
    await world.pause(world.between(0, 100));
    leave(ws, world.one(["close", "abort", "reset", "half-close"]));
    world.tally.clientEnds++;
    await code;
    if (world.between(0, 1) < 0.2) await request(world);
  }
}

async function request(world: World): Promise<void> {
  try {
    const response = await fetch(new URL(world.one(["/", "/readyz", "/livez"]), world.url));
    await response.arrayBuffer();
    if (response.status === 200) world.tally.requests++;
    else if (!world.restarts) world.tally.surprise(`HTTP ${response.status}`);
  } catch (error) {
    if (!world.restarts) world.tally.surprise(`HTTP: ${(error as Error).message}`);
  }
}

/** A member of a loud room that stops reading for a long while; it may be cut off. */
export async function slowReader(world: World, room: string, id: string): Promise<void> {
  while (!world.ending) {
    const ws = await world.open(`/chat/${room}/${id}`);
    if (!ws) continue;
    const code = closed(ws);
    ws.pause();
    await world.pause(world.between(5_000, 40_000));
    ws.resume();
    await world.pause(2_000);
    if (ws.readyState === ws.OPEN) {
      leave(ws, "close");
      world.tally.clientEnds++;
      await code;
    } else {
      // The close frame is behind what it has not read, and the server waits for it only so long.
      const seen = await code;
      if (seen === 1013 || seen === 1006) world.tally.cutOff++;
      else world.lost("slow reader", seen);
    }
  }
}

type Provocation = readonly [name: string, code: number, path: string, go: (ws: WebSocket) => void];

const provocations: readonly Provocation[] = [
  ["a message too long", 1009, "/ws/", (ws) => ws.send("x".repeat(LIMIT_BYTES + 1))],
  ["bytes where text belongs", 1003, "/ws/", (ws) => ws.send(Buffer.from("bytes"))],
  ["a reserved bit", 1002, "/ws/", (ws) => raw(ws, Buffer.from([0xc1, 0x80, 0, 0, 0, 0]))],
  ["a frame without a mask", 1002, "/ws/", (ws) => raw(ws, Buffer.from([0x81, 0x01, 0x78]))],
  ["no UTF-8", 1007, "/chat/hall/vandal", (ws) => raw(ws, frame(1, Buffer.from([0xff, 0xfe])))],
  [
    "more than the burst",
    1008,
    "/ws/",
    (ws) => raw(ws, Buffer.concat(Array(BURST_MESSAGES + 200).fill(frame(1, "x")))),
  ],
];

function raw(ws: WebSocket, bytes: Buffer): void {
  (ws as unknown as { _socket: net.Socket })._socket.write(bytes);
}

/** Sends what is forbidden and looks for the right close code or status. */
export async function vandal(world: World): Promise<void> {
  const { tally } = world;
  while (!world.ending) {
    const [name, expected, path, go] = world.one(provocations);
    const ws = await world.open(path);
    if (!ws) continue;
    const code = closed(ws);
    go(ws);
    const seen = await code;
    if (seen === expected) tally.provokedCloses++;
    else if (!(world.restarts && seen === 1012)) tally.surprise(`${name} closed ${seen}`);
    await refused(world);
    await world.pause(world.between(0, 500));
  }
}

const refusals: readonly (readonly [text: string, status: number])[] = [
  [handshake("/ws"), 403],
  [handshake("/chat/hall/a%20b"), 400],
  [handshake("/ws/", { Origin: "https://evil.example" }), 403],
  [handshake("/ws/", { Host: "evil.example" }), 421],
  [handshake("/ws/", { "Sec-WebSocket-Key": "short" }), 400],
  [handshake("/ws/", { "Sec-WebSocket-Version": "8" }), 426],
  [handshake("/admin/"), 403],
];

async function refused(world: World): Promise<void> {
  const [text, expected] = world.one(refusals);
  const { hostname: host, port } = new URL(world.url);
  const socket = net.connect({ host, port: Number(port) });
  let answer = "";
  socket.on("error", () => {});
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    answer += chunk;
  });
  socket.write(text);
  await once(socket, "close");
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
  if (status === expected) world.tally.refusals++;
  else if (!(world.restarts && (status === 503 || status === 0))) {
    world.tally.surprise(`status ${status} in place of ${expected}`);
  }
}
