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
} from "koa-subapps";
import type { FromServer } from "./protocol.ts";

/** The published data of a message. The topic adds offset and time. */
interface Said {
  readonly from: string;
  readonly text: string;
}

/** A signal in a room, which is not retained. */
type Passing =
  | Extract<FromServer, { type: "joined" | "left" | "presence" }>
  | { type: "gone"; from: string };

/** The room of clients that name none. */
export const LOBBY = "lobby";

/** The rooms of a chat. */
export class Rooms {
  /** The tutorial's connection manager: knows the connections, and sends to a room or to all. */
  readonly hub: Hub;
  /** The clients in each room. */
  readonly presence = new Presence();
  /** Tells the rooms which clients come and go. */
  readonly teller: PresenceTeller;

  /**
   * @param hub default: a hub with the default history, in memory
   * @param pace when changes are sent together, and how often
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

  /** Sends a signal to the clients that are in a room now. */
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

  /** The clients in the room. */
  get members(): Present[] {
    return this.#rooms.presence.list(this.room);
  }

  /** Tells the others that the client has come, if this is its first connection. */
  async enter(connection: Connection<unknown>): Promise<void> {
    const member = this.#rooms.presence.enter(this.room, this.client);
    if (member) await this.#changed(connection, { type: "joined", member });
  }

  /** Says a text to all clients in the room. Waits when the connection is over its share. */
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

/** Makes the text for a plain-text member: the tutorial's lines. */
export const asText: Encode = (data, publication) => {
  if (publication) {
    const { from, text }: Said = JSON.parse(data);
    return `Client #${from} says: ${text}`;
  }
  const passing: Passing = JSON.parse(data);
  return passing.type === "gone" ? `Client #${passing.from} left the chat` : undefined;
};

/** Makes the text for a `chat.v1` member. */
export const asJson: Encode = (data, publication) => {
  if (publication) return JSON.stringify(messageOf(data, publication));
  const passing: Passing = JSON.parse(data);
  return passing.type === "gone" ? undefined : data;
};

function messageOf(data: string, { offset, at }: Publication): FromServer {
  const { from, text }: Said = JSON.parse(data);
  return { type: "message", offset, from, text, at: new Date(at).toISOString() };
}
