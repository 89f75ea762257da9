import { App, Hub } from "../../lib/index.ts";
import { validId } from "./id.ts";

const LOBBY = "lobby";
const hub = new Hub();

/** A room for everybody: the tutorial's chat with many clients. */
export const chat = new App();

chat.websocket("/:client_id", validId, async (socket, ctx) => {
  const { client_id } = ctx.params;
  hub.join(LOBBY, socket);
  for await (const text of socket) {
    await socket.send(`You wrote: ${text}`);
    hub.publish(LOBBY, `Client #${client_id} says: ${text}`);
  }
  hub.publish(LOBBY, `Client #${client_id} left the chat`, { except: socket });
});
