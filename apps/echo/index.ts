import { App } from "../../lib/index.ts";

export const echo = new App();

echo.websocket("/", async (socket) => {
  for await (const text of socket) await socket.send(`Message text was: ${text}`);
});
