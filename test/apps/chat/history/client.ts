import assert from "node:assert/strict";
import type { Position } from "koa-subapps";
import { WebSocket } from "ws";
import { fromServer } from "../../../../apps/chat/protocol.ts";
import type { Of } from "../../../support/chatter.ts";
import type { Strange } from "./action.ts";

/** One connection of a client: it checks what must hold of any stream of messages. */
export class Link {
  readonly ws: WebSocket;
  /** What the handshake asked for. */
  readonly since: Position | Strange | undefined;
  /** Where its replay ends; before the welcome, where the room was when the handshake began. */
  latest: number;
  readonly welcomes: Of<"welcome">[] = [];
  /** Where it is: the position of its last welcome or message. */
  at: Position | undefined;
  dropped = false;
  dropAfter = Number.POSITIVE_INFINITY;
  readonly #client: Client;

  constructor(client: Client, url: string, since: Link["since"], from: number) {
    this.#client = client;
    this.since = since;
    this.latest = from;
    this.ws = new WebSocket(url, ["chat.v1"], { perMessageDeflate: false });
    this.ws.on("error", () => {});
    this.ws.on("message", (data) => {
      // What a client has not read when it drops, it has not seen.
      if (!this.dropped) this.#client.guard(() => this.#receive(JSON.parse(String(data))));
    });
  }

  drop(how: "terminate" | "close" = "terminate"): void {
    this.dropped = true;
    this.ws[how]();
  }

  #receive(came: unknown): void {
    const message = fromServer.parse(came);
    if (this.welcomes.length === 0) assert.equal(message.type, "welcome", "the first message");
    if (message.type === "welcome") this.#welcome(message);
    else if (message.type === "message") this.#message(message);
    else if (message.type === "ack") this.#client.acknowledged(message);
    else if (message.type === "error") this.#client.refused(message);
  }

  #welcome(welcome: Of<"welcome">): void {
    const { recovered, position, latest } = welcome;
    // What was said before the handshake is replay, and what was not said yet is not.
    assert.ok(latest >= this.latest && latest >= position.offset, "what was said before is replay");
    assert.ok(latest <= this.#client.known, "a replay of what was not said yet");
    if (this.at) {
      assert.equal(recovered, false, "a second welcome");
      assert.ok(position.offset > this.at.offset, "a second welcome has lost something");
    } else if (this.since === undefined) {
      assert.equal(recovered, null);
    } else if (recovered) {
      assert.deepEqual(position, this.since);
    } else {
      assert.equal(recovered, false);
    }
    this.welcomes.push(welcome);
    this.latest = latest;
    this.at = position;
    this.#client.welcomed(this, position);
  }

  #message(message: Of<"message">): void {
    const { epoch, offset } = this.at as Position;
    assert.equal(message.offset, offset + 1, "no message lost, repeated or out of order");
    this.at = { epoch, offset: message.offset };
    this.#client.received(message, this.at);
    if (--this.dropAfter <= 0) this.drop();
  }
}

/** What a client said under an id, and where the ack said it is. */
export interface Said {
  readonly id: string;
  readonly text: string;
  /** Where the replay ended on the connection that it was sent on first. */
  beyond: number | undefined;
  /** Sent on a connection that has not answered yet. */
  waiting: Link | undefined;
  acknowledged: number | undefined;
}

/** What a client knows of the room that it talks in. */
export interface Place {
  /** The number of the next message that anybody says. */
  next: number;
  /** How many messages there are, as far as the witness knows. */
  readonly length: number;
  /** How many messages there are, as far as anybody knows. */
  readonly known: number;
  /** What is said at an offset. */
  at(offset: number): { text: string } | undefined;
  /** Where a client connects to resume from a position. */
  url(name: string, since: Link["since"]): string;
}

/** A client as the page is one: it keeps its position and what was not acknowledged. */
export class Client {
  readonly name: string;
  link: Link | undefined;
  readonly links: Link[] = [];
  position: Position | undefined;
  /** All it has seen, by offset. */
  readonly seen = new Map<number, Of<"message">>();
  outbox: Said[] = [];
  readonly acks: { said: Said; offset: number }[] = [];
  /** Attempts to say another thing under a known id, by that id. */
  readonly reused = new Map<string, { text: string; outcome: "waiting" | "error" | number }>();
  failure: unknown;
  readonly #room: Place;

  constructor(room: Place, name: string) {
    this.#room = room;
    this.name = name;
  }

  /** Does something that may fail where nobody catches it, and keeps the failure. */
  guard(body: () => void): void {
    try {
      body();
    } catch (error) {
      this.failure ??= error;
    }
  }

  connect(since: Link["since"] = this.position): void {
    const url = this.#room.url(this.name, since);
    this.link = new Link(this, url, since, this.#room.length);
    this.links.push(this.link);
  }

  drop(how?: "terminate" | "close"): void {
    this.link?.drop(how);
    this.link = undefined;
    for (const said of this.outbox) said.waiting = undefined;
    for (const [id, { outcome }] of this.reused) if (outcome === "waiting") this.reused.delete(id);
  }

  say(text = ""): void {
    const id = `${this.name}-${this.#room.next++}`;
    const said = {
      id,
      text: `${id} ${text}`,
      beyond: undefined,
      waiting: undefined,
      acknowledged: undefined,
    };
    this.outbox.push(said);
    this.send(said);
  }

  /** Sends what is in the outbox once the client is connected and welcomed. */
  send(said: Said): void {
    if (!this.link?.at) return;
    said.waiting = this.link;
    said.beyond ??= this.link.welcomes[0]?.latest;
    this.link.ws.send(JSON.stringify({ type: "say", id: said.id, text: said.text }));
  }

  reuse({ id }: Said): void {
    if (!this.link?.at || this.reused.has(id)) return;
    const text = `${id} other`;
    this.reused.set(id, { text, outcome: "waiting" });
    this.link.ws.send(JSON.stringify({ type: "say", id, text }));
  }

  welcomed(link: Link, position: Position): void {
    this.position = position;
    if (link.welcomes.length > 1) return;
    for (const said of this.outbox) if (said.acknowledged === undefined) this.send(said);
  }

  received(message: Of<"message">, position: Position): void {
    this.position = position;
    const before = this.seen.get(message.offset);
    if (before) assert.deepEqual(message, before, "the same message at the same place");
    this.seen.set(message.offset, message);
  }

  acknowledged({ id, offset }: Of<"ack">): void {
    const reused = this.reused.get(id);
    const said = this.outbox.find((each) => each.id === id);
    const { text } = this.#room.at(offset) ?? { text: undefined };
    if (reused?.outcome === "waiting" && text === reused.text) {
      reused.outcome = offset;
      return;
    }
    assert.ok(said, `an ack for ${id}, which was not said`);
    assert.ok(offset > Number(said.beyond), "what is said after the welcome is live");
    said.waiting = undefined;
    said.acknowledged = offset;
    this.acks.push({ said, offset });
  }

  refused({ code, id = "" }: Of<"error">): void {
    assert.equal(code, "id_reused");
    const reused = this.reused.get(id);
    // The first text of an id that was taken over by another one is refused in its turn.
    if (reused?.outcome === "waiting") reused.outcome = "error";
    else {
      assert.equal(typeof reused?.outcome, "number", `no reason to refuse ${id}`);
      this.outbox = this.outbox.filter((each) => each.id !== id);
    }
  }

  /** How far the room is known to have come: a publication may overtake its witness. */
  get known(): number {
    return this.#room.known;
  }

  get quiet(): boolean {
    if (this.failure !== undefined) throw this.failure;
    if (!this.link || this.link.dropped) return true;
    const asked = [...this.reused.values()].some(({ outcome }) => outcome === "waiting");
    const waiting = this.outbox.some((said) => said.waiting === this.link);
    return this.link.at !== undefined && !asked && !waiting;
  }
}
