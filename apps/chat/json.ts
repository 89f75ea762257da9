import type { Connection, Context, History, Misfit } from "koa-subapps";
import type { z } from "zod";
import type { FromServer, fromClient } from "./protocol.ts";
import { asJson, LOBBY, type Rooms, Visit } from "./room.ts";

type Socket = Connection<z.infer<typeof fromClient>, FromServer>;

const PONG: FromServer = { type: "pong" };

/** `chat.v1`: JSON with history, acknowledgements and presence. See PROTOCOL.md. */
export function json(rooms: Rooms) {
  return async (socket: Socket, ctx: Context): Promise<void> => {
    const visit = new Visit(rooms, ctx.params.room ?? LOBBY, ctx.params.client_id ?? "");
    try {
      await visit.enter(socket);
      const welcome = (history: History) => JSON.stringify(welcomeOf(visit, history));
      const since = sinceOf(ctx.query);
      await rooms.hub.join(visit.room, socket, { encode: asJson, welcome, since });
      for await (const said of socket) await socket.sendJson(await answer(visit, socket, said));
    } finally {
      await visit.leave(socket);
    }
  };
}

/** The answer to a message that does not fit the protocol. */
export function invalid({ code, message, value }: Misfit): FromServer {
  const id = (value as { id?: unknown } | null | undefined)?.id;
  const known = typeof id === "string" && id.length >= 1 && id.length <= 64;
  return { type: "error", code, message, ...(known && { id }) };
}

async function answer(
  visit: Visit,
  socket: Socket,
  said: z.infer<typeof fromClient>,
): Promise<FromServer> {
  if (said.type === "ping") return PONG;
  const { id, text } = said;
  const { outcome, position } = await visit.say(socket, text, id);
  if (outcome !== "conflict") return { type: "ack", id, offset: position.offset };
  const message = "expected a new id for each text, but this id carried another text";
  return { type: "error", code: "id_reused", message, id };
}

// History and position are of the same moment: later messages have higher offsets.
function welcomeOf(visit: Visit, { position, publications, recovered }: History): FromServer {
  const { room, client: you, members } = visit;
  const latest = publications.at(-1)?.offset ?? position.offset;
  return { type: "welcome", room, you, position, latest, recovered, members };
}

// A malformed position counts as one that cannot be recovered, not as a first visit.
function sinceOf({ epoch, offset }: Context["query"]): unknown {
  if (epoch === undefined && offset === undefined) return undefined;
  const whole = typeof offset === "string" && /^\d{1,16}$/.test(offset);
  return { epoch, offset: whole ? Number(offset) : undefined };
}
