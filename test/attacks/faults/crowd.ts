// Many clients in a process of their own: see the commands at the end.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import type { FromServer } from "../../../apps/chat/protocol.ts";
import { obey } from "./child.ts";

/** Where each member was when it left. */
export type Positions = Record<string, { epoch: string; offset: number }>;

/** Whom to bring. */
export interface Crowd {
  /** The server's address. */
  readonly url: string;
  /** How many echo clients. */
  readonly echoes: number;
  /** How many rooms, and how many members speak chat.v1 in each. */
  readonly rooms: number;
  readonly members: number;
  /** Where they were, to get what they have missed. */
  readonly positions?: Positions;
}

/** How many handshakes are on their way at once: a listening socket's backlog is finite. */
const AT_ONCE = 100;
const HANDSHAKE_MS = 60_000;
const SETTLE_MS = 150_000;
const EVERY_MS = 500;

class Client {
  readonly ws: WebSocket;
  readonly opened: Promise<void>;
  readonly name: string | undefined;
  welcome: Extract<FromServer, { type: "welcome" }> | undefined;
  /** The offsets of the messages it was sent since it came. */
  readonly offsets: number[] = [];
  echoed = 0;
  /** How often it has heard each text. */
  readonly texts = new Map<string, number>();
  code: number | undefined;

  constructor(url: string, name?: string) {
    this.name = name;
    this.ws = new WebSocket(url, name === undefined ? [] : ["chat.v1"], {
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_MS,
    });
    this.ws.on("message", (data) => {
      if (name === undefined) this.echoed++;
      else this.#take(JSON.parse(data.toString()));
    });
    this.ws.on("close", (code) => {
      this.code = code;
    });
    this.opened = new Promise((resolve, reject) => {
      this.ws.once("open", resolve);
      this.ws.on("error", reject);
    });
  }

  #take(message: FromServer): void {
    if (message.type === "welcome") this.welcome = message;
    if (message.type !== "message") return;
    this.offsets.push(message.offset);
    this.texts.set(message.text, (this.texts.get(message.text) ?? 0) + 1);
  }
}

const clients: Client[] = [];

async function open({ url, echoes, rooms, members, positions }: Crowd): Promise<number> {
  const base = url.replace(/^http/, "ws");
  const paths: [path: string, name?: string][] = Array(echoes).fill(["ws/"]);
  for (let room = 0; room < rooms; room++) {
    for (let member = 0; member < members; member++) {
      const name = `room-${room}/member-${member}`;
      const at = positions?.[name];
      paths.push([`chat/${name}${at ? `?epoch=${at.epoch}&offset=${at.offset}` : ""}`, name]);
    }
  }
  const waiting = paths.values();
  const bring = async () => {
    for (const [path, name] of waiting) {
      const client = new Client(base + path, name);
      await client.opened;
      clients.push(client);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, bring));
  return clients.length;
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + SETTLE_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`expected ${what} within ${SETTLE_MS} ms`);
    await sleep(20);
  }
}

const talking = () => clients.filter(({ name }) => name !== undefined);

/** Every member says something, every echo client too, and all wait for all that comes of it. */
async function converse({ members }: { members: number }): Promise<Positions> {
  const echoed = new Map(clients.map((client) => [client, client.echoed]));
  const id = randomUUID();
  const text = `hello ${id}`;
  for (const { name, ws } of clients) {
    ws.send(name === undefined ? text : JSON.stringify({ type: "say", id, text }));
  }
  const has = (client: Client) =>
    client.name === undefined
      ? client.echoed === (echoed.get(client) ?? 0) + 1
      : client.texts.get(text) === members;
  await until(() => clients.every(has), "everybody to hear everything once");
  const positions: Positions = {};
  for (const { name, welcome, offsets } of talking()) {
    if (name && welcome) {
      positions[name] = { epoch: welcome.position.epoch, offset: offsets.at(-1) ?? 0 };
    }
  }
  return positions;
}

/** What members were told when they came back: what they recovered, and which offsets followed. */
async function returned({ missed }: { missed: number }) {
  const here = talking();
  await until(() => here.every(({ offsets }) => offsets.length >= missed), "what was missed");
  return here.map(({ name, welcome, offsets }) => ({
    name,
    recovered: welcome?.recovered,
    offsets,
  }));
}

/** Everybody sends something now and then, from now on. */
function load(): void {
  for (const client of clients) {
    let n = 0;
    const timer = setInterval(
      () => {
        if (client.ws.readyState !== WebSocket.OPEN) clearInterval(timer);
        else if (client.name === undefined) client.ws.send(`message ${n++}`);
        else client.ws.send(JSON.stringify({ type: "say", id: `n${n++}`, text: "hello" }));
      },
      EVERY_MS / 2 + Math.random() * EVERY_MS,
    );
  }
}

/** How many answers have come. */
function heard(): number {
  return clients.reduce((sum, { echoed, offsets }) => sum + echoed + offsets.length, 0);
}

/** Waits for the end of all and counts the close codes. */
async function codes(): Promise<Record<string, number>> {
  await until(() => clients.every(({ code }) => code !== undefined), "everybody's end");
  const counts: Record<string, number> = {};
  for (const { code } of clients.splice(0)) counts[`${code}`] = (counts[`${code}`] ?? 0) + 1;
  return counts;
}

/** Everybody leaves: with a close, or without one. */
async function leave({ how }: { how: "close" | "abort" }): Promise<Record<string, number>> {
  for (const { ws } of clients) how === "close" ? ws.close(1000) : ws.terminate();
  return codes();
}

obey({ open, converse, returned, load, heard, codes, leave });
