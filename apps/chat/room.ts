import {
  type Connection,
  type Encode,
  Hub,
  Presence,
  type PresenceChange,
  type PresencePace,
  PresenceTeller,
  type Present,
  type Publication,
  type Published,
} from "../../lib/index.ts";
import type { FromServer } from "./protocol.ts";

/** What is published of a message: its offset and time are the topic's. */
interface Said {
  readonly from: string;
  readonly text: string;
}

/** What passes through a room and is not kept. */
type Passing =
  | Extract<FromServer, { type: "joined" | "left" | "presence" }>
  | { type: "gone"; from: string };

/** The room of those who name none. */
export const LOBBY = "lobby";

/** The rooms of a chat. */
export class Rooms {
  /** The tutorial's connection manager: who is connected, and a way to reach a room or everybody. */
  readonly hub: Hub;
  /** Who is in which room. */
  readonly presence = new Presence();
  /** Tells who comes and goes. */
  readonly teller: PresenceTeller;

  /**
   * @param hub by default one with the default history, in memory
   * @param pace from when on, and how often, changes are told together
   */
  constructor(hub = new Hub(), pace: PresencePace = {}) {
    this.hub = hub;
    const tell = (room: string, changes: readonly PresenceChange[]) => {
      const [only, ...more] = changes;
      const isOne = only && more.length === 0;
      return this.pass(room, isOne ? only : { type: "presence", changes: [...changes] });
    };
    this.teller = new PresenceTeller(this.presence, tell, pace);
  }

  /** Sends something to those who are in a room now. */
  pass(room: string, passing: Passing): Promise<void> {
    return this.hub.signal(room, JSON.stringify(passing));
  }
}

/** A client in a room, with one connection. */
export class Visit {
  readonly room: string;
  readonly client: string;
  readonly #rooms: Rooms;

  constructor(rooms: Rooms, room: string, client: string) {
    this.#rooms = rooms;
    this.room = room;
    this.client = client;
  }

  /** Who is in the room. */
  get members(): Present[] {
    return this.#rooms.presence.list(this.room);
  }

  /** Tells the others that the client has come, if this is its first connection. */
  async enter(connection: Connection<unknown>): Promise<void> {
    const member = this.#rooms.presence.enter(this.room, this.client);
    if (member) await this.#changed(connection, { type: "joined", member });
  }

  /** Says something to everybody in the room, in its connection's turn. */
  say(from: Connection<unknown>, text: string, id?: string): Promise<Published> {
    const said: Said = { from: this.client, text };
    const key = id === undefined ? {} : { key: `${this.client}:${id}` };
    return this.#rooms.hub.publish(this.room, JSON.stringify(said), { from, ...key });
  }

  /** Tells the others that the connection, and maybe the client, has gone. */
  async leave(connection: Connection<unknown>): Promise<void> {
    this.#rooms.hub.leave(this.room, connection);
    const member = this.#rooms.presence.exit(this.room, this.client);
    await this.#rooms.pass(this.room, { type: "gone", from: this.client });
    if (member) await this.#changed(connection, { type: "left", member });
  }

  #changed(connection: Connection<unknown>, change: PresenceChange): Promise<void> {
    const failed = (error: unknown) => connection.report(error);
    return this.#rooms.teller.changed(this.room, change, failed);
  }
}

/** What a plain-text member reads: the tutorial's lines. */
export const asText: Encode = (data, publication) => {
  if (publication) {
    const { from, text }: Said = JSON.parse(data);
    return `Client #${from} says: ${text}`;
  }
  const passing: Passing = JSON.parse(data);
  return passing.type === "gone" ? `Client #${passing.from} left the chat` : undefined;
};

/** What a `chat.v1` member reads. */
export const asJson: Encode = (data, publication) => {
  if (publication) return JSON.stringify(messageOf(data, publication));
  const passing: Passing = JSON.parse(data);
  return passing.type === "gone" ? undefined : data;
};

function messageOf(data: string, { offset, at }: Publication): FromServer {
  const { from, text }: Said = JSON.parse(data);
  return { type: "message", offset, from, text, at: new Date(at).toISOString() };
}
