// The client side of a load test, in a process of its own: it connects a crowd to many rooms of a
// chat, has some of them talk, and counts what each is sent.

import assert from "node:assert/strict";
import process from "node:process";
import { WebSocket } from "ws";

/** What the crowd is to do. */
export interface CrowdOptions {
  /** The chat's URL, `ws:` and without a final slash. */
  readonly url: string;
  readonly rooms: number;
  /** In each room; one in ten speaks `chat.v1` and is told of everybody who comes. */
  readonly clients: number;
  /** How many in each room say something. */
  readonly speakers: number;
}

/** What the crowd tells: each once, in this order. */
export type CrowdReport =
  | { event: "connected"; sockets: number }
  | { event: "talked"; received: number }
  | { event: "left" }
  | { event: "failed"; message: string };

/** Handshakes on their way at once: fewer than a listening socket's queue holds. */
const CONNECTING = 200;
const TALK_MS = 60_000;

interface Member {
  readonly room: number;
  readonly ws: WebSocket;
  readonly heard: Set<string>;
}

const members: Member[] = [];
let received = 0;
let settled = () => {};
let expected = Number.POSITIVE_INFINITY;

function connect({ url }: CrowdOptions, room: number, number: number): Promise<void> {
  const json = number % 10 === 0;
  const protocols = json ? ["chat.v1"] : [];
  const ws = new WebSocket(`${url}/room-${room}/c${number}`, protocols, {
    perMessageDeflate: false,
  });
  const member = { room, ws, heard: new Set<string>() };
  members.push(member);
  return new Promise((resolve, reject) => {
    ws.on("error", reject);
    if (!json) ws.once("open", resolve);
    ws.on("message", (data) => {
      const text = textOf(String(data), json);
      if (text === "welcome") resolve();
      else if (text !== undefined) hear(member, text);
    });
  });
}

/** What was said, `welcome`, or undefined for what does not matter here. */
function textOf(line: string, json: boolean): string | undefined {
  if (!json) return /^Client #\w+ says: (.*)$/.exec(line)?.[1];
  const { type, text } = JSON.parse(line);
  return type === "message" ? text : type === "welcome" ? type : undefined;
}

function hear({ room, heard }: Member, text: string): void {
  if (!text.startsWith(`room-${room} `)) fail(new Error(`room ${room} was sent ${text}`));
  if (heard.has(text)) fail(new Error(`room ${room} was sent ${text} twice`));
  heard.add(text);
  if (++received === expected) settled();
}

async function connectAll(options: CrowdOptions): Promise<void> {
  let next = 0;
  const connectInTurn = async () => {
    while (next < options.rooms * options.clients) {
      const at = next++;
      await connect(options, at % options.rooms, Math.floor(at / options.rooms));
    }
  };
  await Promise.all(Array.from({ length: CONNECTING }, connectInTurn));
  tell({ event: "connected", sockets: members.length });
}

async function talk({ rooms, clients, speakers }: CrowdOptions): Promise<void> {
  expected = rooms * clients * speakers;
  const all = new Promise<void>((resolve, reject) => {
    settled = resolve;
    const late = () => reject(new Error(`${received} of ${expected} messages came in time`));
    setTimeout(late, TALK_MS).unref();
  });
  for (let number = 0; number < speakers; number++) {
    for (const { room, ws } of members.slice(number * rooms, (number + 1) * rooms)) {
      const text = `room-${room} from ${number}`;
      ws.send(ws.protocol ? JSON.stringify({ type: "say", id: "1", text }) : text);
    }
  }
  await all;
  for (const { heard } of members) assert.equal(heard.size, speakers);
  tell({ event: "talked", received });
}

// Half of them without a word.
async function leave(): Promise<void> {
  const ends = members.map(
    ({ ws }) => new Promise<void>((resolve) => ws.once("close", () => resolve())),
  );
  for (const [i, { ws }] of members.entries()) i % 2 ? ws.terminate() : ws.close();
  await Promise.all(ends);
  tell({ event: "left" });
}

function tell(report: CrowdReport): void {
  process.send?.(report);
}

function fail(error: Error): never {
  tell({ event: "failed", message: String(error.stack) });
  process.exit(1);
}

const options: CrowdOptions = JSON.parse(process.argv[2] ?? "{}");
process.on("message", (step) => {
  const steps: Record<string, () => Promise<void>> = {
    connect: () => connectAll(options),
    talk: () => talk(options),
    leave,
  };
  steps[String(step)]?.().catch(fail);
});
process.on("disconnect", () => process.exit(1));
