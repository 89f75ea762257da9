import { App } from "koa-subapps";
import { authenticate, requireToken } from "./auth.ts";
import { Guesses } from "./guesses.ts";
import { Sessions } from "./sessions.ts";
import { TICKET_SECONDS, Tickets } from "./tickets.ts";
import { assertToken } from "./token.ts";

/**
 * The operator's app, and the example of authentication: one middleware guards all its HTTP and
 * WebSocket routes, including routes that are added later.
 *
 * @param token the secret; without a token the app refuses every request
 */
export function createAdmin(token: string | undefined): App {
  if (!token) return closed();
  const [tickets, sessions] = [new Tickets(), new Sessions()];
  const parts = { token, tickets, sessions, guesses: new Guesses() };
  const admin = new App();
  admin.lifespan(async function* () {
    assertToken(token);
    yield;
  });
  admin.use(authenticate(parts));
  admin.use((ctx, next) => {
    ctx.set("Cache-Control", "no-store");
    return next();
  });
  admin.router
    .post("/session", requireToken(parts), (ctx) => {
      sessions.begin(ctx);
      ctx.status = 204;
    })
    .delete("/session", (ctx) => {
      sessions.end(ctx);
      ctx.status = 204;
    })
    .post("/ticket", (ctx) => {
      ctx.body = { ticket: tickets.issue(), expiresInSeconds: TICKET_SECONDS };
    })
    .get("/", (ctx) => {
      ctx.body = status();
    });
  // A browser fails unless the server selects an offered subprotocol: clients offer this one beside
  // the token's.
  admin.websocket("/", { protocols: ["admin.v1"] }, async (socket) => {
    await socket.sendJson(status());
    for await (const _ of socket) await socket.sendJson(status());
  });
  return admin;
}

function closed(): App {
  return new App().use((ctx) =>
    ctx.throw(403, "the admin app is closed; set ADMIN_TOKEN to open it"),
  );
}

function status(): { uptimeSeconds: number; memoryBytes: number } {
  return { uptimeSeconds: Math.round(process.uptime()), memoryBytes: process.memoryUsage.rss() };
}

/** The admin app of this process, with the token from the environment. */
export const admin = createAdmin(process.env.ADMIN_TOKEN);
