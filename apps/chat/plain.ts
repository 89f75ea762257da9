import type { Connection, Context } from "koa-subapps";
import { asText, LOBBY, type Rooms, Visit } from "./room.ts";

/** Plain text, as in the tutorial: for `wscat`, Postman and clients that offer no subprotocol. */
export function plain(rooms: Rooms) {
  return async (socket: Connection, ctx: Context): Promise<void> => {
    const visit = new Visit(rooms, ctx.params.room ?? LOBBY, ctx.params.client_id ?? "");
    try {
      await visit.enter(socket);
      await rooms.hub.join(visit.room, socket, { encode: asText });
      for await (const text of socket) {
        await socket.send(`You wrote: ${text}`);
        await visit.say(socket, text);
      }
    } finally {
      await visit.leave(socket);
    }
  };
}
