import type { Position } from "koa-subapps";
import type { TestClient } from "koa-subapps/testing";
import type { Rooms } from "../../../../apps/chat/room.ts";
import { until } from "../../../support/within.ts";
import { type Action, CLIENTS } from "./action.ts";
import { Client, type Link, type Place } from "./client.ts";

/** A room, those who talk in it, and the witness who knows the truth. */
export class Room implements Place {
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
