import { createHash } from "node:crypto";
import { App, ConfigError, type Context } from "../../lib/index.ts";
import { authenticate, beginSession, endSession } from "./auth.ts";
import { TICKET_SECONDS, Tickets } from "./tickets.ts";

const SHORTEST_TOKEN = 16;

/**
 * The operator's app, and the example of authentication: one middleware guards its HTTP and its
 * WebSocket routes, those of today and those that somebody adds later.
 *
 * @param token the secret; without one everything is refused
 */
export function createAdmin(token: string | undefined): App {
  if (!token) return closed();
  const tickets = new Tickets();
  const admin = new App({ keys: [createHash("sha256").update(`cookie ${token}`).digest("hex")] });
  admin.lifespan(async function* () {
    if (token.length < SHORTEST_TOKEN) {
      throw new ConfigError(
        `ADMIN_TOKEN: expected at least ${SHORTEST_TOKEN} characters, but got fewer`,
      );
    }
    yield;
  });
  admin.use(authenticate(token, tickets));
  admin.use((ctx, next) => {
    ctx.set("Cache-Control", "no-store");
    return next();
  });
  admin.router
    .post("/session", (ctx) => {
      beginSession(ctx as unknown as Context);
      ctx.status = 204;
    })
    .delete("/session", (ctx) => {
      endSession(ctx as unknown as Context);
      ctx.status = 204;
    })
    .post("/ticket", (ctx) => {
      ctx.body = { ticket: tickets.issue(), expiresInSeconds: TICKET_SECONDS };
    })
    .get("/", (ctx) => {
      ctx.body = status();
    });
  // Browsers insist on one of the subprotocols they offer: this one goes with the token's.
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

/** The admin app of this process, with the token of the environment. */
export const admin = createAdmin(process.env.ADMIN_TOKEN);
