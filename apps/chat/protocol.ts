import { z } from "zod";
import { NAME } from "./names.ts";

/** The subprotocol whose messages this file describes. */
export const CHAT_V1 = "chat.v1";

const name = z.string().regex(NAME);
const offset = z.number().int().nonnegative();
/** The client's id for a message. */
const messageId = z.string().min(1).max(64);

/** A client in a room: one entry for each client id. */
export const member = z.object({ id: name, since: z.iso.datetime() });

/** Client: says a text. The server delivers the same id with the same text once. */
export const say = z.object({ type: z.literal("say"), id: messageId, text: z.string() });

/** Client: asks whether the server still answers. */
export const ping = z.object({ type: z.literal("ping") });

/** Server: the answer to a `ping`. */
export const pong = z.object({ type: z.literal("pong") });

/**
 * Server: the first message of a connection; sent again when the room's history begins a new epoch.
 */
export const welcome = z.object({
  type: z.literal("welcome"),
  room: name,
  you: name,
  position: z.object({ epoch: z.string(), offset }),
  latest: offset,
  recovered: z.boolean().nullable(),
  members: z.array(member),
});

/** Server: a client said a text. */
export const message = z.object({
  type: z.literal("message"),
  offset,
  from: name,
  text: z.string(),
  at: z.iso.datetime(),
});

/** Server: a `say` is in the history. */
export const ack = z.object({ type: z.literal("ack"), id: messageId, offset });

/** Server: a client's first connection has come. */
export const joined = z.object({ type: z.literal("joined"), member });
/** Server: a client's last connection has gone. */
export const left = z.object({ type: z.literal("left"), member });

/** Server: several such changes, in their order, in a large room. */
export const presence = z.object({
  type: z.literal("presence"),
  changes: z.array(z.discriminatedUnion("type", [joined, left])),
});

/** Server: the server did not accept a message of the client. */
export const error = z.object({
  type: z.literal("error"),
  code: z.enum(["not_json", "invalid", "id_reused"]),
  message: z.string(),
  id: messageId.optional(),
});

/** All that a client sends. */
export const fromClient = z.discriminatedUnion("type", [say, ping]);

/** All that the server sends. */
export const fromServer = z.discriminatedUnion("type", [
  welcome,
  message,
  ack,
  joined,
  left,
  presence,
  error,
  pong,
]);

/** See {@link fromServer}. */
export type FromServer = z.infer<typeof fromServer>;
