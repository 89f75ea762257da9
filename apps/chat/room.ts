import {
  type Connection,
  type Encode,
  Hub,
  Presence,
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
type Passing = Extract<FromServer, { type: "joined" | "left" }> | { type: "gone"; from: string };

/** The tutorial's connection manager: who is connected, and a way to reach a room or everybody. */
export const hub = new Hub();
/** Who is in which room. */
export const presence = new Presence();

/** A client in a room, with one connection. */
export class Visit {
  readonly room: string;
  readonly client: string;

  constructor(room: string, client: string) {
    this.room = room;
    this.client = client;
  }

  /** Tells the others that the client has come, if this is its first connection. */
  async enter(): Promise<void> {
    const member = presence.enter(this.room, this.client);
    if (member) await this.#pass({ type: "joined", member });
  }

  /** Says something to everybody in the room. */
  say(text: string, id?: string): Promise<Published> {
    const said: Said = { from: this.client, text };
    const key = id === undefined ? {} : { key: `${this.client}:${id}` };
    return hub.publish(this.room, JSON.stringify(said), key);
  }

  /** Tells the others that the connection, and maybe the client, has gone. */
  async leave(connection: Connection<unknown>): Promise<void> {
    hub.leave(this.room, connection);
    await this.#pass({ type: "gone", from: this.client });
    const member = presence.exit(this.room, this.client);
    if (member) await this.#pass({ type: "left", member });
  }

  #pass(passing: Passing): Promise<void> {
    return hub.signal(this.room, JSON.stringify(passing));
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
