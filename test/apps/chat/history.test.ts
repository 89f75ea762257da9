// Random histories of a room over real sockets, against a model of what may be promised. The
// truth is what a member that stays from the first message to the last is sent.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WebSocket } from "ws";
import { createChat } from "../../../apps/chat/index.ts";
import { fromServer } from "../../../apps/chat/protocol.ts";
import { Rooms } from "../../../apps/chat/room.ts";
import { App, Hub, type Position } from "../../../lib/index.ts";
import { TestClient, type TestSocket } from "../../../lib/testing/index.ts";
import type { Of } from "../../support/chatter.ts";
import { RestartingBroker } from "../../support/restarting-broker.ts";
import { until } from "../../support/within.ts";

const KEPT = 4;
const CLIENTS = 3;
const RUNS = 100;
const TIMEOUT_MS = 150_000;

/** How a client asks to resume in a way that cannot be honoured. */
type Strange = "foreign" | "future" | "malformed";

/** What a client does; those of one round happen at once. */
type Action =
  | { do: "say" | "drop" | "close" | "resume" | "restart"; who: number }
  | { do: "drop after"; who: number; messages: number }
  | { do: "resend" | "reuse"; who: number; which: number }
  | { do: "strange"; who: number; how: Strange }
  | { do: "burst"; messages: number };

const who = fc.nat({ max: CLIENTS - 1 });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("say" as const), who }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("drop", "close"), who }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("resume" as const), who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), who }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("drop after" as const),
      who,
      messages: fc.nat({ max: KEPT }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("resend" as const, "reuse" as const),
      who,
      which: fc.nat({ max: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("strange" as const),
      who,
      how: fc.constantFrom<Strange>("foreign", "future", "malformed"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("burst" as const),
      messages: fc.integer({ min: 1, max: KEPT + 2 }),
    }),
  },
) as fc.Arbitrary<Action>;
const rounds = fc.array(fc.array(action, { minLength: 1, maxLength: 6 }), {
  minLength: 1,
  maxLength: 12,
  size: "max",
});

/** One connection of a client: it checks what must hold of any stream of messages. */
class Link {
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
interface Said {
  readonly id: string;
  readonly text: string;
  /** Where the replay ended on the connection that it was sent on first. */
  beyond: number | undefined;
  /** Sent on a connection that has not answered yet. */
  waiting: Link | undefined;
  acknowledged: number | undefined;
}

/** A client as the page is one: it keeps its position and what was not acknowledged. */
class Client {
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
  readonly #room: Room;

  constructor(room: Room, name: string) {
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

/** A room, those who talk in it, and the witness who knows the truth. */
class Room {
  next = 0;
  readonly witness: Client;
  readonly clients: Client[];
  readonly #client: TestClient;
  readonly #rooms: Rooms;
  readonly #name: string;

  constructor(client: TestClient, rooms: Rooms, name: string) {
    this.#client = client;
    this.#rooms = rooms;
    this.#name = name;
    this.witness = new Client(this, "witness");
    this.clients = Array.from({ length: CLIENTS }, (_, i) => new Client(this, `c${i}`));
  }

  /** How many messages there are, as far as the witness knows. */
  get length(): number {
    return this.witness.seen.size;
  }

  /** What is said at an offset, in the server's own words: a publication may overtake the witness. */
  at(offset: number): { text: string } | undefined {
    return this.witness.seen.get(offset) ?? this.#latest.get(offset);
  }

  /** How many messages there are, as far as anybody knows. */
  get known(): number {
    return Math.max(this.length, ...this.#latest.keys());
  }

  readonly #latest = new Map<number, { text: string }>();

  /** Listens to the broker itself, which delivers before it acknowledges. */
  async listen(): Promise<void> {
    await this.#rooms.hub.broker.subscribe(this.#name, {
      message: ({ offset, data }) => this.#latest.set(offset, JSON.parse(data)),
      signal() {},
      epoch() {},
    });
  }

  /** Where each id was said last; an ack may have been lost with its connection. */
  places(): Map<string, number> {
    return new Map(
      [...this.witness.seen].map(([offset, { text }]) => [text.split(" ")[0] ?? "", offset]),
    );
  }

  url(name: string, since: Link["since"]): string {
    const base = `${this.#client.url.replace("http", "ws")}chat/${this.#name}/${name}`;
    if (since === undefined) return base;
    if (since === "malformed") return `${base}?epoch=x&offset=x`;
    if (since === "foreign") return `${base}?epoch=foreign&offset=${this.length}`;
    const { epoch } = this.witness.position as Position;
    if (since === "future") return `${base}?epoch=${epoch}&offset=${this.length + 1_000}`;
    return `${base}?epoch=${since.epoch}&offset=${since.offset}`;
  }

  /**
   * Waits until nobody is waiting for anything, and everybody has been sent everything; those who
   * are connected are the reader of plain text and who has a link.
   */
  async settle(): Promise<void> {
    const everybody = [this.witness, ...this.clients];
    const { live } = this.#client.serving.upgrades;
    const linked = () => everybody.filter(({ link }) => link && !link.dropped);
    await until(
      async () => {
        if (!everybody.every((client) => client.quiet) || live.size !== linked().length + 1) {
          return false;
        }
        const { position } = await this.#rooms.hub.broker.read(this.#name);
        return linked().every(({ link }) => link?.at?.offset === position.offset);
      },
      () => {
        const state = everybody.map((each) => [each.name, each.link?.at?.offset, each.quiet]);
        return `the room to be quiet, but it is ${JSON.stringify(state)} of ${live.size}`;
      },
    );
    for (const client of everybody) if (client.link?.dropped) client.drop();
  }

  act(action: Action): void {
    if (action.do === "burst") {
      for (let i = 0; i < action.messages; i++) this.witness.say("burst");
      return;
    }
    const client = this.clients[action.who] as Client;
    if (client.link?.dropped) client.drop();
    const { link } = client;
    if (action.do === "say") client.say();
    else if (action.do === "drop") client.drop();
    else if (action.do === "close") client.drop("close");
    else if (action.do === "drop after" && link) link.dropAfter = action.messages;
    else if (action.do === "resume" && !link) client.connect();
    else if (action.do === "strange" && !link) client.connect(action.how);
    else if (action.do === "restart") {
      client.drop();
      client.position = undefined;
      client.outbox = [];
      client.connect();
    } else if (action.do === "resend" || action.do === "reuse") {
      const said = client.outbox.filter((each) => each.acknowledged !== undefined);
      const one = said[said.length - 1 - action.which];
      if (!one || client.reused.has(one.id)) return;
      if (action.do === "resend") client.send(one);
      else client.reuse(one);
    }
  }
}

/** One round: everything at once, then silence, then a look at what was promised. */
async function round(room: Room, actions: readonly Action[]): Promise<void> {
  const before = room.length;
  const linked = new Map(room.clients.map((client) => [client, client.links.length]));
  const acked = new Map(room.clients.map((client) => [client, client.acks.length]));
  const earlier = room.places();
  for (const each of actions) room.act(each);
  await room.settle();
  const after = room.length;
  for (const client of room.clients) {
    for (const link of client.links.slice(linked.get(client))) checkResume(link, before, after);
    for (const { said, offset } of client.acks.slice(acked.get(client))) {
      const place = earlier.get(said.id);
      if (place === undefined) continue;
      if (place > after - KEPT) assert.equal(offset, place, "resent while it was retained");
      if (place <= before - KEPT) assert.ok(offset > before, "resent when it was forgotten");
    }
    for (const [id, { outcome }] of client.reused) {
      const place = earlier.get(id);
      if (place === undefined || (typeof outcome === "number" && outcome <= before)) continue;
      if (place > after - KEPT) assert.equal(outcome, "error", "reused while it was retained");
    }
  }
}

function checkResume(link: Link, before: number, after: number): void {
  const [first, ...more] = link.welcomes;
  if (!first) return;
  const { since } = link;
  if (typeof since === "string") assert.equal(first.recovered, false, since);
  else if (since && since.offset < before - KEPT) {
    assert.equal(first.recovered, false, `from ${since.offset} of ${before}`);
  } else if (since && since.offset >= after - KEPT) {
    assert.equal(first.recovered, true, `from ${since.offset} of ${after}`);
  }
  if (!first.recovered) {
    // All that is retained follows: as many as there are, at most as many as are kept.
    assert.ok(first.position.offset >= Math.max(before - KEPT, 0));
    assert.ok(first.position.offset <= Math.max(after - KEPT, 0));
  }
  if (more.length > 0) assert.ok(after - first.position.offset > KEPT, "nothing was lost");
}

/** What must hold of a room's whole history. */
function checkTruth(room: Room): void {
  const truth = [...room.witness.seen.values()];
  assert.deepEqual(
    truth.map(({ offset }) => offset),
    truth.map((_, i) => i + 1),
  );
  for (const client of [room.witness, ...room.clients]) {
    for (const message of client.seen.values()) {
      assert.deepEqual(message, truth[message.offset - 1]);
    }
    // Acknowledged means delivered: the witness stayed, so it has been sent it.
    for (const { said, offset } of client.acks) {
      const { from, text } = truth[offset - 1] ?? {};
      assert.deepEqual([from, text], [client.name, said.text]);
    }
    for (const said of client.outbox) {
      assert.ok(said.acknowledged !== undefined, `${said.id} was resent until it was acknowledged`);
    }
  }
  // An id that is retained is published once.
  const last = new Map<string, number>();
  for (const { text, offset } of truth) {
    const id = text.split(" ")[0] ?? "";
    const place = last.get(id);
    if (place !== undefined) assert.ok(offset - place > KEPT, `${id} at ${place} and ${offset}`);
    last.set(id, offset);
  }
}

/** Reads all that a reader of plain text was sent, up to a last line. */
async function checkPlain(room: Room, plain: TestSocket): Promise<void> {
  const expected = [...room.witness.seen.values()].map(
    ({ from, text }) => `Client #${from} says: ${text}`,
  );
  plain.send("last");
  const lines: string[] = [];
  for (;;) {
    const line = (await plain.receive()).toString();
    if (line === "You wrote: last") break;
    if (!line.endsWith(" left the chat")) lines.push(line);
  }
  assert.deepEqual(lines, expected);
}

test("no history of a room loses, repeats or reorders a message, or lies about it", {
  timeout: TIMEOUT_MS,
}, async () => {
  // As a broker elsewhere it takes its time, so that much happens between a read and its answer.
  const broker = new RestartingBroker();
  const pause = () => new Promise<void>((resolve) => setImmediate(resolve));
  Object.assign(broker, { beforeSubscribe: pause, beforeRead: pause, afterRead: pause });
  const rooms = new Rooms(new Hub({ broker, retention: { count: KEPT, ageMs: 3_600_000 } }));
  await using client = await TestClient.start(new App().mount("/chat", createChat(rooms)));
  const seen = { true: 0, false: 0, null: 0, errors: 0, repeated: 0 };
  let run = 0;
  await fc.assert(
    fc.asyncProperty(rounds, async (list) => {
      const room = new Room(client, rooms, `r${run++}`);
      await room.listen();
      room.witness.connect();
      // One who reads plain text and stays is promised all that comes from now on.
      const plain = await client.connect(`/chat/r${run - 1}/plain`);
      const { live } = client.serving.upgrades;
      try {
        await room.settle();
        for (const actions of list) await round(room, actions);
        const last: Action[] = room.clients.map((_, who) => ({ do: "resume", who }));
        await round(room, last);
        await round(room, last);
        checkTruth(room);
        await checkPlain(room, plain);
      } finally {
        plain.terminate();
        for (const each of [room.witness, ...room.clients]) each.drop();
        await until(() => live.size === 0, "everybody to be gone");
      }
      for (const each of room.clients) {
        for (const { recovered } of each.links.flatMap(({ welcomes }) => welcomes)) {
          seen[`${recovered}`]++;
        }
        for (const { outcome } of each.reused.values()) if (outcome === "error") seen.errors++;
        seen.repeated += each.acks.length - new Set(each.acks.map(({ offset }) => offset)).size;
      }
    }),
    { numRuns: RUNS },
  );
  // The histories were no easy ones: all that can happen has happened.
  for (const [what, times] of Object.entries(seen)) {
    assert.ok(times > 0, `expected ${what} in one of ${RUNS} histories`);
  }
});
