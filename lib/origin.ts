import { isIP } from "node:net";

/**
 * Whether a `Host` may be answered: it names this machine, or is one that is allowed. Anything
 * else may be a name that an attacker's DNS points at this address.
 *
 * @param host a `Host` header, with or without a port
 * @param allowed names in lower case; with a port they allow that port only
 */
export function hostAllowed(host: string, allowed: ReadonlySet<string>): boolean {
  const lower = host.toLowerCase();
  const name = lower.replace(/:\d{1,5}$/, "");
  return isLoopback(name) || allowed.has(lower) || allowed.has(name);
}

/** Whether a host name or an address is this machine's own. */
export function isLoopback(name: string): boolean {
  // The usual ones first: this is asked of every connection.
  if (name === "127.0.0.1" || name === "localhost") return true;
  const bare = name.replace(/^\[(.*)\]$/, "$1").replace(/^::ffff:/i, "");
  if (bare === "localhost" || bare.endsWith(".localhost")) return /^[a-z0-9.-]+$/.test(bare);
  return (isIP(bare) === 4 && bare.startsWith("127.")) || bare === "::1";
}

/**
 * Whether an `Origin` may act on this server: the server's own, or one that is allowed, compared
 * whole (RFC 6454 section 5). `null`, which any sandboxed frame can send, is nobody's.
 *
 * @param origin an `Origin` header
 * @param own scheme, host and port the request was sent to, such as `http://localhost:8000`
 * @param allowed origins as browsers write them
 */
export function originAllowed(origin: string, own: string, allowed: readonly string[]): boolean {
  if (origin === "null") return false;
  return allowed.includes(origin) || (canonical(origin) === origin && canonical(own) === origin);
}

/**
 * An origin as browsers write it: lower case, without a default port.
 *
 * @returns undefined for what is no http or https origin
 */
export function canonical(origin: string): string | undefined {
  if (!/^https?:\/\/[^/?#@\\\s]+$/i.test(origin)) return undefined;
  try {
    return new URL(origin).origin;
  } catch {
    return undefined;
  }
}
