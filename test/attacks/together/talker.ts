import { WebSocket } from "ws";
import type { FromServer } from "../../../apps/chat/protocol.ts";

/** What an ordinary client speaks. */
export type Speech = "v1" | "plain" | "echo";

/** Where an ordinary client is. */
export interface Seat {
  /** The server's, `ws:` and without a final slash. */
  readonly url: string;
  readonly host: string;
  readonly from: string;
  readonly speech: Speech;
  readonly room: string;
  readonly id: string;
}

/** An ordinary client: it says numbers, and has to hear each number of its room's talkers once. */
export class Talker {
  readonly seat: Seat;
  /** What it should not have seen. */
  readonly faults: string[] = [];
  readonly welcomed: Promise<void>;
  said = 0;
  /** How many messages of the crowd it has heard. */
  count = 0;
  readonly #ws: WebSocket;
  /** The last number of each that it has heard. */
  readonly #heard = new Map<string, number>();
  #offset = 0;
  #hasLeft = false;

  constructor(seat: Seat) {
    const { url, host, from, speech, room, id } = seat;
    this.seat = seat;
    const path = speech === "echo" ? "/ws/" : `/chat/${room}/${id}`;
    const ws = new WebSocket(url + path, speech === "v1" ? ["chat.v1"] : [], {
      localAddress: from,
      headers: { Host: host },
      perMessageDeflate: false,
    });
    this.#ws = ws;
    this.welcomed = new Promise((resolve, reject) => {
      ws.once("error", reject);
      if (speech !== "v1") ws.once("open", resolve);
      ws.on("message", (data) => {
        const text = data.toString();
        if (speech === "v1") this.#read(JSON.parse(text), resolve);
        else this.#readText(text);
      });
    });
    ws.on("close", (code, reason) => {
      if (!this.#hasLeft) this.faults.push(`${id} was closed ${code} ${reason}`);
    });
  }

  /** Says the next number. */
  say(): void {
    const text = `${++this.said} ${"of what people say to each other ".repeat(2)}`;
    if (this.seat.speech !== "v1") return this.#ws.send(text);
    this.#ws.send(JSON.stringify({ type: "say", id: `${this.said}`, text }));
  }

  /** Whether it has heard all that somebody has said. */
  hasHeard({ seat: { id }, said }: Talker): boolean {
    return this.#heard.get(id) === said;
  }

  /** Closes, and waits for the end. */
  async leave(): Promise<void> {
    this.#hasLeft = true;
    if (this.#ws.readyState === WebSocket.CLOSED) return;
    const closed = new Promise((resolve) => this.#ws.once("close", resolve));
    this.#ws.close();
    await closed;
  }

  #read(message: FromServer, welcomed: () => void): void {
    if (message.type === "welcome") {
      this.#offset = message.latest;
      welcomed();
    } else if (message.type === "message") {
      if (message.offset !== ++this.#offset) this.faults.push(`${this.seat.id} missed an offset`);
      this.#hear(message.from, message.text);
    } else if (message.type === "ack") this.#hear("ack", message.id);
    else if (message.type === "error") this.faults.push(JSON.stringify(message));
  }

  #readText(text: string): void {
    const [, own] = /^(?:You wrote|Message text was): (.*)$/s.exec(text) ?? [];
    if (own !== undefined)
      return this.#hear(this.seat.speech === "echo" ? this.seat.id : "own", own);
    const [, from, said] = /^Client #([\w-]+) says: (.*)$/s.exec(text) ?? [];
    if (from !== undefined && said !== undefined) this.#hear(from, said);
  }

  #hear(from: string, text: string): void {
    if (from.startsWith("evil-")) return;
    this.count++;
    const number = Number.parseInt(text, 10);
    const last = this.#heard.get(from) ?? 0;
    if (number !== last + 1)
      this.faults.push(`${this.seat.id} heard ${number} of ${from} after ${last}`);
    this.#heard.set(from, number);
  }
}
