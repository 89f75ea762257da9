import { App } from "koa-subapps";

/** An app that answers each text `x` at `/` with `got x`. */
export function echo(): App {
  const app = new App();
  app.websocket("/", async (socket) => {
    for await (const text of socket) await socket.send(`got ${text}`);
  });
  return app;
}

/** The same, mounted at `/ws`. */
export function mounted(): App {
  return new App().mount("/ws", echo());
}
