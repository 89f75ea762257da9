// What a server's admission, its admission, makes of the Host, the Origin and the forwarded headers.

import assert from "node:assert/strict";
import { App } from "koa-subapps";
import type { TestClient } from "koa-subapps/testing";
import { requestText } from "./raw.ts";
import { handshake, Wire } from "./wire.ts";

/** Of a request; one of `undefined` is left out. */
export type Headers = Record<string, string | undefined>;

/** An app that answers everything, and the requests that its first middleware has seen. */
export function open(app = new App()): { app: App; seen: string[] } {
  const seen: string[] = [];
  app.use((ctx, next) => {
    seen.push(`${ctx.method} ${ctx.url}`);
    return next();
  });
  answers(app);
  return { app, seen };
}

/** Makes an app answer what it knows of a request: `/page` by HTTP, `/ws` by a WebSocket. */
export function answers(app: App): App {
  app.router.all("/page", (ctx) => {
    ctx.body = { ip: ctx.ip, protocol: ctx.protocol, host: ctx.host, ips: ctx.ips };
  });
  return app.websocket("/ws", async (socket, ctx) => {
    await socket.send(
      JSON.stringify({ ip: ctx.ip, protocol: ctx.protocol, host: ctx.host, ips: ctx.ips }),
    );
  });
}

/** The status that a handshake gets. */
export async function shake(client: TestClient, headers: Headers, path = "/ws"): Promise<number> {
  await using wire = await Wire.connect(client.url);
  wire.write(handshake(path, headers));
  return (await wire.head()).status;
}

/** The answer that a request gets. */
export async function ask(client: TestClient, headers: Headers, method = "POST", path = "/page") {
  await using wire = await Wire.connect(client.url);
  const sent = Object.entries(headers).filter(([, value]) => value !== undefined);
  wire.write(
    requestText(path, { method, headers: Object.fromEntries(sent) as Record<string, string> }),
  );
  return await wire.response();
}

/**
 * What the app learns of the same headers by HTTP and by a handshake, which must agree. The app
 * sends it as JSON, as {@link answers} makes it do.
 */
export async function told<T>(client: TestClient, said: Headers): Promise<T> {
  const headers = { Host: "localhost", ...said };
  await using wire = await Wire.connect(client.url);
  wire.write(handshake("/ws", headers));
  assert.equal((await wire.head()).status, 101);
  const byHandshake = JSON.parse((await wire.frame()).payload.toString());
  const { body } = await ask(client, headers, "GET");
  assert.deepEqual(JSON.parse(body), byHandshake);
  return byHandshake as T;
}
