import type { Context } from "koa-subapps";
import { Passes } from "./passes.ts";

/** A working day. */
export const SESSION_SECONDS = 8 * 60 * 60;
/** The bound for all operators together. Only the token begins a session. */
const MOST_SESSIONS = 1_000;
/** The cookie's name. Its value is the session's random name. */
const COOKIE = "admin";

/**
 * The sessions that the server knows. The cookie only names a session. It is worthless once the
 * session has ended: by its age, by {@link Sessions.end}, or with the process.
 */
export class Sessions {
  readonly #passes = new Passes(SESSION_SECONDS, MOST_SESSIONS);

  /** Begins a session, and ends the browser's earlier one. */
  begin(ctx: Context): void {
    this.#forget(ctx);
    this.#setCookie(ctx, this.#passes.issue());
  }

  /** Whether a request shows the cookie of a valid session. */
  includes(ctx: Context): boolean {
    return this.#passes.isGood(ctx.cookies.get(COOKIE, { signed: false }) ?? "");
  }

  /** Ends the session whose cookie a request shows, for all copies of that cookie. */
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
