import type { z } from "zod";
import type { Connection, Context, History, Misfit } from "../../lib/index.ts";
import type { FromServer, fromClient } from "./protocol.ts";
import { asJson, hub, presence, Visit } from "./room.ts";

const LOBBY = "lobby";

type FromClient = z.infer<typeof fromClient>;

/** `chat.v1`: JSON with history, acknowledgements and presence. See PROTOCOL.md. */
export async function json(
  socket: Connection<FromClient, FromServer>,
  ctx: Context,
): Promise<void> {
  const visit = new Visit(ctx.params.room ?? LOBBY, ctx.params.client_id ?? "");
  await visit.enter();
  try {
    const welcome = (history: History) => JSON.stringify(welcomeOf(visit, history));
    await hub.join(visit.room, socket, { encode: asJson, welcome, since: sinceOf(ctx.query) });
    for await (const { id, text } of socket) await socket.sendJson(await answer(visit, id, text));
  } finally {
    await visit.leave(socket);
  }
}

/** The answer to a message that is none of the protocol's. */
export function invalid({ code, message, value }: Misfit): FromServer {
  const id = (value as { id?: unknown } | null | undefined)?.id;
  const known = typeof id === "string" && id.length >= 1 && id.length <= 64;
  return { type: "error", code, message, ...(known && { id }) };
}

async function answer(visit: Visit, id: string, text: string): Promise<FromServer> {
  const { outcome, position } = await visit.say(text, id);
  if (outcome !== "conflict") return { type: "ack", id, offset: position.offset };
  const message = "expected an id of its own for each text, but this one has carried another";
  return { type: "error", code: "id_reused", message, id };
}

function welcomeOf(visit: Visit, { position, recovered }: History): FromServer {
  const { room, client: you } = visit;
  return { type: "welcome", room, you, position, recovered, members: presence.list(room) };
}

// Anything that is there and no position is one that cannot be recovered, not a first visit.
function sinceOf({ epoch, offset }: Context["query"]): unknown {
  if (epoch === undefined && offset === undefined) return undefined;
  const whole = typeof offset === "string" && /^\d{1,16}$/.test(offset);
  return { epoch, offset: whole ? Number(offset) : undefined };
}
