import { isIP, isIPv6 } from "node:net";

/** A host name (RFC 952, and underscores, which some names have), or an IPv4 address. */
const NAME = /^[a-z0-9_][a-z0-9_-]*(?:\.[a-z0-9_-]+)*\.?$/;
/** An IPv6 address in brackets, or another host, with an optional port. */
const HOST_AND_PORT = /^(?:\[([^\]]*)\]|([^:[\]]+))(?::(\d{1,5}))?$/;
/** Schemes whose origins have another form, or are never sent by a page. */
const NO_APP = new Set(["http", "https", "ws", "wss", "ftp", "javascript", "data", "blob"]);

/**
 * Whether the server answers to a `Host`: it names this machine, or is allowed. Any other name may
 * be one that an attacker's DNS points at this address.
 *
 * @param host a `Host` header, with or without a port
 * @param allowed hosts in the form of {@link canonicalHost}; a host with a port allows only that
 *   port
 */
export function hostAllowed(host: string, allowed: ReadonlySet<string>): boolean {
  const lower = host.toLowerCase();
  const name = withoutPort(lower);
  if (isLoopback(name) || allowed.has(lower) || allowed.has(name)) return true;
  // An IPv6 address can be written in many ways.
  const canonical = name.startsWith("[") ? canonicalHost(lower) : undefined;
  return !!canonical && (allowed.has(canonical) || allowed.has(withoutPort(canonical)));
}

function withoutPort(host: string): string {
  return host.replace(/:\d{1,5}$/, "");
}

/**
 * A host as browsers send it in `Host`: lower case, an IPv6 address in brackets and shortened.
 *
 * @param text a name or an address, with or without a port; IPv6 with or without brackets
 * @returns undefined for a text that is never a `Host`: a scheme, a wildcard, a leading dot, a bad
 *   port
 */
export function canonicalHost(text: string): string | undefined {
  const lower = text.toLowerCase();
  const address = shortened(lower);
  if (address) return address;
  const [, six, name = "", port] = HOST_AND_PORT.exec(lower) ?? [];
  const host = six === undefined ? name : shortened(six);
  if (!host || host.length > 255 || (six === undefined && !NAME.test(host))) return undefined;
  if (port === undefined) return host;
  const number = Number(port);
  return number > 0 && number < 65_536 ? `${host}:${number}` : undefined;
}

function shortened(address: string): string | undefined {
  if (!isIPv6(address) || address.includes("%")) return undefined;
  return new URL(`http://[${address}]`).hostname;
}

/** Whether a host name or an address is this machine's own. */
export function isLoopback(name: string): boolean {
  // The usual names first: this runs for every connection.
  if (name === "127.0.0.1" || name === "localhost") return true;
  const bare = name.replace(/^\[(.*)\]$/, "$1").replace(/^::ffff:/i, "");
  if (bare === "localhost" || bare.endsWith(".localhost")) return /^[a-z0-9.-]+$/.test(bare);
  return (isIP(bare) === 4 && bare.startsWith("127.")) || bare === "::1";
}

/**
 * Whether the server admits an `Origin`: its own, or an allowed one, compared whole (RFC 6454
 * section 5). `null` is never admitted, because any sandboxed frame can send it.
 *
 * @param origin an `Origin` header
 * @param own scheme, host and port the request was sent to, such as `http://localhost:8000`
 * @param allowed origins as browsers write them
 */
export function originAllowed(origin: string, own: string, allowed: readonly string[]): boolean {
  if (origin === "null") return false;
  return allowed.includes(origin) || (canonical(origin) === origin && canonical(own) === origin);
}

/** A scheme, a host name of 253 characters at most (RFC 1035 section 2.3.4) and a port, with room. */
const LONGEST_ORIGIN = 512;

/**
 * An origin as browsers write it: lower case, without a default port.
 *
 * @returns undefined for a text that is not an http or https origin
 */
export function canonical(origin: string): string | undefined {
  // Decoding a label that begins with `xn--` takes quadratic time.
  if (origin.length > LONGEST_ORIGIN || !/^https?:\/\/[^/?#@\\\s]+$/i.test(origin))
    return undefined;
  try {
    return new URL(origin).origin;
  } catch {
    return undefined;
  }
}

/**
 * Whether a text may be in a list of allowed origins: an http or https origin exactly as browsers
 * send it, or the origin of a phone app, a desktop app or a browser extension, such as
 * `capacitor://localhost`, `tauri://localhost`, `chrome-extension://id`, `file://`.
 */
export function isOrigin(text: string): boolean {
  if (text.includes("*")) return false;
  if (canonical(text) === text || text === "file://") return true;
  const [, scheme = ""] = /^([a-z][a-z0-9+.-]*):\/\/[\w.~-]{1,255}(?::\d{1,5})?$/.exec(text) ?? [];
  return scheme !== "" && !NO_APP.has(scheme);
}

/**
 * Checks a list of allowed origins.
 *
 * @throws TypeError for an entry that no client sends as its `Origin`, or that is never admitted
 */
export function assertOrigins(origins: readonly string[] = []): void {
  const wrong = origins.find((origin) => !isOrigin(origin));
  if (wrong === undefined) return;
  throw new TypeError(
    `expected allowedOrigins to be origins such as https://example.com, but got "${wrong}"`,
  );
}
