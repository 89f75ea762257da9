import { App, type RouteOptions } from "koa-subapps";
import { invalid, json } from "./json.ts";
import { validNames } from "./names.ts";
import { plain } from "./plain.ts";
import { CHAT_V1, fromClient, fromServer } from "./protocol.ts";
import { Rooms } from "./room.ts";

/** Chat rooms: the tutorial's chat with many clients, and `chat.v1` for clients that offer it. */
export const chat = createChat();

/**
 * Makes a chat with its own rooms.
 *
 * @param rooms the rooms: their history, and who is in them
 * @param limits limits of each connection
 */
export function createChat(rooms = new Rooms(), limits: RouteOptions = {}): App {
  const app = new App();
  const v1 = { ...limits, protocols: [CHAT_V1], receive: fromClient, send: fromServer, invalid };
  for (const path of ["/:client_id", "/:room/:client_id"]) {
    app.websocket(path, v1, validNames, json(rooms));
    app.websocket(path, limits, validNames, plain(rooms));
  }
  return app;
}
