import { ServerResponse } from "node:http";

/** Pages may load only what comes from this server, and nothing inline. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The headers of every answer. An app may set its own value for each. */
export const SECURITY_HEADERS = [
  ["Content-Security-Policy", CONTENT_SECURITY_POLICY],
  ["Cross-Origin-Opener-Policy", "same-origin"],
  ["Cross-Origin-Resource-Policy", "same-origin"],
  ["Referrer-Policy", "no-referrer"],
  ["X-Content-Type-Options", "nosniff"],
] as const;

/**
 * A response that adds {@link SECURITY_HEADERS} when its head is written, so that every answer has
 * them, even after Koa has dropped all headers because middleware threw. An answer is personal when
 * it sets a cookie, or when the request had a cookie or credentials. Caches must not store a
 * personal answer (RFC 9111 section 5.2.2.5), unless the app has set `Cache-Control`.
 */
export class SecureResponse extends ServerResponse {
  override writeHead(...head: unknown[]): this {
    if (!this.headersSent) {
      for (const [name, value] of SECURITY_HEADERS) {
        if (!this.hasHeader(name)) this.setHeader(name, value);
      }
      if (!this.hasHeader("Cache-Control") && isPersonal(this)) {
        this.setHeader("Cache-Control", "no-store");
      }
    }
    return super.writeHead(...(head as Parameters<ServerResponse["writeHead"]>)) as this;
  }
}

function isPersonal(res: ServerResponse): boolean {
  const { cookie, authorization } = res.req.headers;
  return cookie !== undefined || authorization !== undefined || res.hasHeader("Set-Cookie");
}
