import type { WebSocket } from "ws";
import type { FromServer } from "../../apps/chat/protocol.ts";
import { closed, inTime, leave, textOf, type World } from "./world.ts";

/** How a talker behaves. */
export interface TalkerOptions {
  readonly room: string;
  readonly id: string;
  /** How many messages a second it says, on the whole. */
  readonly perSecond: number;
  /** How long its texts are. */
  readonly bytes: number;
}

/** What a talker waits for before it says more. */
const MOST_PENDING = 8;
/** How long it may take to be up to date at the end. */
const SETTLE_MS = 30_000;
const PROTOCOL = "chat.v1";

/** What everybody in a soak says: who, a number that goes up by one, and padding. */
export function sentence(id: string, n: number, bytes: number): string {
  return `${id}:${n}:`.padEnd(bytes, "x");
}

/**
 * A member of a room that speaks chat.v1. It leaves in every way there is and comes back with its
 * position; it says again what was not acknowledged, with the same id. So every message has to
 * come once, in order, however often the connection breaks.
 */
export class Talker {
  readonly #world: World;
  readonly #options: TalkerOptions;
  /** The last position, as a query; "" for none. */
  #epoch = "";
  #offset = 0;
  #said = 0;
  /** What is not acknowledged, in order. */
  readonly #pending = new Map<string, string>();
  /** The offsets of what was acknowledged and has not come yet, and the other way round. */
  readonly #acknowledged = new Map<string, number>();
  readonly #seen = new Map<string, number>();
  /** The number of each member's last message. */
  #numbers = new Map<string, number>();
  #welcomed = false;
  #leaving = false;

  constructor(world: World, options: TalkerOptions) {
    this.#world = world;
    this.#options = options;
  }

  /** Where it is in its room. */
  get offset(): number {
    return this.#offset;
  }

  /** Talks until the world ends. */
  async run(): Promise<void> {
    const { room, id } = this.#options;
    const world = this.#world;
    for (;;) {
      const query = this.#epoch ? `?epoch=${this.#epoch}&offset=${this.#offset}` : "";
      this.#welcomed = false;
      this.#leaving = false;
      const path = `/chat/${room}/${id}${query}`;
      const ws = await world.open(path, [PROTOCOL], (opening) => {
        opening.on("message", (data) => this.#take(JSON.parse(textOf(data)) as FromServer));
      });
      if (!ws) continue;
      const code = closed(ws);
      for (const [key, text] of this.#pending) this.#send(ws, key, text);
      await Promise.race([this.#talk(ws), code]);
      if (this.#leaving) world.tally.clientEnds++;
      else if (!world.ending) world.lost("talker", await code);
      await code;
      if (world.ending) return;
      await world.pause(world.between(0, 1_500));
    }
  }

  async #talk(ws: WebSocket): Promise<void> {
    const { perSecond } = this.#options;
    const world = this.#world;
    const until = performance.now() + world.between(2_000, 20_000);
    while (ws.readyState === ws.OPEN && !world.ending && performance.now() < until) {
      if (this.#pending.size < MOST_PENDING) this.#say(ws);
      await world.pause(world.between(0, 2_000 / perSecond));
    }
    if (ws.readyState !== ws.OPEN) return;
    if (world.ending) await this.#finish(ws);
    // What it says last may arrive, and its acknowledgement not.
    else this.#say(ws);
    this.#leaving = true;
    leave(ws, world.ending ? "close" : world.one(["close", "abort", "reset", "half-close"]));
  }

  #say(ws: WebSocket): void {
    const { id, bytes } = this.#options;
    const n = ++this.#said;
    const text = sentence(id, n, bytes);
    this.#pending.set(`m${n}`, text);
    this.#send(ws, `m${n}`, text);
  }

  // At the end everything said has to be acknowledged, and everything acknowledged seen.
  async #finish(ws: WebSocket): Promise<void> {
    const settled = () =>
      this.#pending.size === 0 && this.#acknowledged.size === 0 && this.#seen.size === 0;
    if (await inTime(SETTLE_MS, () => settled() || ws.readyState !== ws.OPEN)) return;
    const { tally } = this.#world;
    tally.losses += this.#pending.size + this.#acknowledged.size;
    tally.surprise(
      `not settled: ${this.#pending.size} unacknowledged, ${this.#acknowledged.size} unseen, ${this.#seen.size} seen only`,
    );
  }

  #send(ws: WebSocket, id: string, text: string): void {
    if (ws.readyState !== ws.OPEN) return;
    this.#world.tally.sent++;
    ws.send(JSON.stringify({ type: "say", id, text }));
  }

  #take(message: FromServer): void {
    const { tally } = this.#world;
    tally.received++;
    if (message.type === "welcome") this.#begin(message);
    else if (message.type === "message") this.#hear(message);
    else if (message.type === "ack") {
      tally.acknowledged++;
      if (!this.#pending.delete(message.id)) tally.surprise("a second acknowledgement");
      this.#pair(message.id, message.offset, this.#seen, this.#acknowledged);
    } else if (message.type === "error") tally.surprise(`error ${message.code}`);
  }

  #begin({ position, recovered }: Extract<FromServer, { type: "welcome" }>): void {
    const { tally } = this.#world;
    if (this.#welcomed) tally.surprise("a second welcome");
    this.#welcomed = true;
    if (recovered === true) {
      tally.recoveries++;
      if (position.offset !== this.#offset || position.epoch !== this.#epoch) {
        tally.surprise("a recovery from another position");
      }
    } else if (recovered === false) {
      tally.unrecovered++;
      this.#acknowledged.clear();
      this.#seen.clear();
    }
    if (recovered !== true) this.#numbers = new Map();
    this.#epoch = position.epoch;
    this.#offset = position.offset;
  }

  #hear({ offset, from, text }: Extract<FromServer, { type: "message" }>): void {
    const { tally } = this.#world;
    if (offset <= this.#offset) tally.duplicates++;
    else tally.losses += offset - this.#offset - 1;
    this.#offset = Math.max(offset, this.#offset);
    const n = Number(text.split(":")[1]);
    const last = this.#numbers.get(from);
    // A plain-text member does not say again what may have been lost on its way.
    if (n === last) tally.duplicates++;
    else if (last !== undefined && n < last) tally.reorderings++;
    else if (last !== undefined && n > last + 1 && !from.startsWith("plain")) {
      tally.losses += n - last - 1;
    }
    this.#numbers.set(from, n);
    if (from === this.#options.id) this.#pair(`m${n}`, offset, this.#acknowledged, this.#seen);
  }

  // What was acknowledged at an offset has to be what comes at that offset, whichever is first.
  #pair(id: string, offset: number, other: Map<string, number>, own: Map<string, number>): void {
    const known = other.get(id);
    if (known === undefined) own.set(id, offset);
    else if (known !== offset) this.#world.tally.surprise("acknowledged at another offset");
    other.delete(id);
  }
}
