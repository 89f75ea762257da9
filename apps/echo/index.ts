import { App } from "koa-subapps";

export const echo = new App();

echo.websocket("/", async (socket) => {
  for await (const text of socket) await socket.send(`Message text was: ${text}`);
});
