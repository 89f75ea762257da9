import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { WebSocketServer } from "ws";
import type { Options } from "./case.ts";

/** The same echo twice: as a route of an app, and on a bare ws server. */
export interface Servers {
  readonly ours: string;
  readonly ws: string;
  /** Errors that the app has told of. */
  readonly errors: readonly unknown[];
  close(): Promise<void>;
}

export async function startServers(options: Options): Promise<Servers> {
  const bare = new WebSocketServer({ host: "127.0.0.1", port: 0, ...options.ws });
  bare.on("connection", (ws) => {
    // Without a listener the first bad frame would end the process.
    ws.on("error", () => {});
    ws.on("message", (data, binary) => ws.send(data, { binary }));
  });
  await once(bare, "listening");
  // Behind the other server, which would be a leftover of its client.
  const errors: unknown[] = [];
  const app = new App().websocket("/", { messages: "both", ...options.ours }, async (socket) => {
    for await (const message of socket) await socket.send(message);
  });
  app.on("error", (error) => errors.push(error));
  const client = await TestClient.start(app);
  return {
    ours: client.url,
    ws: `http://127.0.0.1:${(bare.address() as AddressInfo).port}/`,
    errors,
    close: async () => {
      await client.close();
      const closed = once(bare, "close");
      bare.close();
      await closed;
    },
  };
}
