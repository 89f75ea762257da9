import assert from "node:assert/strict";
import { App, type Broker, Hub, MemoryBroker, type RouteOptions } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { createChat } from "../../apps/chat/index.ts";
import { Rooms } from "../../apps/chat/room.ts";
import { Chatter, type Of } from "./chatter.ts";

/** How many messages it keeps of a room. */
export const COUNT = 3;
const HOUR_MS = 3_600_000;

/** A chat of its own with a short history. */
export interface Served extends AsyncDisposable {
  readonly client: TestClient;
  readonly rooms: Rooms;
}

/**
 * Serves a chat at `/chat`.
 *
 * @param options its broker, the options of its route, and for how long it keeps a message
 */
export async function serveChat(
  options: { broker?: Broker; limits?: RouteOptions; ageMs?: number } = {},
): Promise<Served> {
  const { broker = new MemoryBroker(), limits = {}, ageMs = HOUR_MS } = options;
  const rooms = new Rooms(new Hub({ broker, retention: { count: COUNT, ageMs } }));
  const client = await TestClient.start(new App().mount("/chat", createChat(rooms, limits)));
  const close = async () => {
    await client.close();
    await broker.close();
  };
  return { client, rooms, [Symbol.asyncDispose]: close };
}

/** A client that connects, takes its welcome and leaves the rest for the test. */
export async function enter(client: TestClient, path: string): Promise<Chatter> {
  return (await Chatter.enter(client, path)).chatter;
}

/** Everything that a new visitor of a room is sent before it asks for more. */
export async function visit(client: TestClient, path: string): Promise<[Of<"welcome">, string[]]> {
  const { chatter, welcome } = await Chatter.enter(client, path);
  const { members } = welcome;
  assert.ok(members.length > 0);
  chatter.socket.send("?");
  const texts: string[] = [];
  for (;;) {
    const message = await chatter.socket.receiveJson<Of<"message"> | Of<"error">>();
    if (message.type === "error") break;
    assert.equal(message.offset, welcome.position.offset + texts.length + 1);
    texts.push(message.text);
  }
  assert.equal(welcome.latest, welcome.position.offset + texts.length, "the replay ends there");
  await chatter.socket.close();
  return [welcome, texts];
}
