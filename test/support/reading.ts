import { App, type Context } from "koa-subapps";
import type { TestClient } from "koa-subapps/testing";

/** Answers every GET below with what `read` finds in its context, as JSON. */
export function reading(read: (ctx: Context) => unknown): App {
  const app = new App();
  app.router.get("/{*any}", (ctx) => {
    ctx.body = JSON.stringify(read(ctx as unknown as Context)) ?? "undefined";
  });
  return app;
}

/** A server behind two proxies, the nearer one on this machine. */
export const PROXIED = { trustProxy: ["loopback", "10.0.0.1"], allowedHosts: ["public.example"] };

/** What a GET is answered, read as JSON. */
export const json = async (client: TestClient, path: string, init?: RequestInit) =>
  (await client.fetch(path, init)).json() as Promise<unknown>;
