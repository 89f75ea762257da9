import type { Connection, Context } from "../../lib/index.ts";
import { asText, hub, Visit } from "./room.ts";

const LOBBY = "lobby";

/** Plain text, as in the tutorial: for `wscat`, Postman and whoever offers no subprotocol. */
export async function plain(socket: Connection, ctx: Context): Promise<void> {
  const visit = new Visit(ctx.params.room ?? LOBBY, ctx.params.client_id ?? "");
  await visit.enter();
  try {
    await hub.join(visit.room, socket, { encode: asText });
    for await (const text of socket) {
      await socket.send(`You wrote: ${text}`);
      await visit.say(text);
    }
  } finally {
    await visit.leave(socket);
  }
}
