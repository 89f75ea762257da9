import { App } from "../../lib/index.ts";
import { invalid, json } from "./json.ts";
import { validNames } from "./names.ts";
import { plain } from "./plain.ts";
import { CHAT_V1, fromClient, fromServer } from "./protocol.ts";

/** Rooms for everybody: the tutorial's chat with many clients, and more for those who ask for it. */
export const chat = new App();

const v1 = { protocols: [CHAT_V1], receive: fromClient, send: fromServer, invalid };

for (const path of ["/:client_id", "/:room/:client_id"]) {
  chat.websocket(path, v1, validNames, json);
  chat.websocket(path, validNames, plain);
}
