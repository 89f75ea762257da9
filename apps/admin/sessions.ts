import type { Context } from "../../lib/index.ts";
import { Passes } from "./passes.ts";

/** A working day. */
export const SESSION_SECONDS = 8 * 60 * 60;
/** Of all operators: each session takes the token to begin. */
const MOST_SESSIONS = 1_000;
/** The cookie has the session's name and nothing else. */
const COOKIE = "admin";

/**
 * The sessions that the server knows. The cookie only names one: it is worth nothing once the
 * session has ended, by itself, by {@link Sessions.end} or with the process.
 */
export class Sessions {
  readonly #passes = new Passes(SESSION_SECONDS, MOST_SESSIONS);

  /** Begins a session in place of the one that the browser had. */
  begin(ctx: Context): void {
    this.#forget(ctx);
    this.#setCookie(ctx, this.#passes.issue());
  }

  /** Whether a request shows the cookie of a session that has not ended. */
  includes(ctx: Context): boolean {
    return this.#passes.isGood(ctx.cookies.get(COOKIE, { signed: false }) ?? "");
  }

  /** Ends the session that a request shows the cookie of, wherever that cookie is. */
  end(ctx: Context): void {
    this.#forget(ctx);
    this.#setCookie(ctx, null);
  }

  #forget(ctx: Context): void {
    this.#passes.end(ctx.cookies.get(COOKIE, { signed: false }) ?? "");
  }

  #setCookie(ctx: Context, value: string | null): void {
    ctx.cookies.set(COOKIE, value, {
      signed: false,
      httpOnly: true,
      sameSite: "strict",
      secure: ctx.secure,
      path: `${ctx.mountPath}/`,
      maxAge: SESSION_SECONDS * 1_000,
    });
  }
}
