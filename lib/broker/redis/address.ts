/** Where a Redis server is, and how to log in there. */
export interface Address {
  /** A Unix socket. */
  readonly path?: string;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** Certificates of the authority that signed the server's, in PEM. */
  readonly ca?: string;
  readonly username?: string;
  readonly password?: string;
}

const UNIX = "redis+unix:";
const DEFAULT_PORT = 6379;
const HIDDEN = "…";

/**
 * Reads the option `url`. No error shows the URL, because it may contain a password.
 *
 * @param url `redis(s)://user:password@host:port`, or `redis+unix:` followed by a path
 * @param ca certificates in PEM for `rediss:`, by default those of Node.js
 * @throws TypeError when the URL is another
 */
export function parseAddress(url: unknown, ca?: string): Address {
  if (typeof url !== "string") throw unexpected("something that is not a text");
  if (url.startsWith(UNIX)) return unixAddress(url.slice(UNIX.length));
  if (!URL.canParse(url)) throw unexpected("a text that is not a URL");
  const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(url);
  if (protocol !== "redis:" && protocol !== "rediss:") throw unexpected("another protocol");
  if (hostname === "") throw unexpected("a URL without a host");
  if (search !== "" || hash !== "") throw unexpected("a URL with a ? or a #");
  // Redis's channels know no databases: two services would hear each other.
  if (!["", "/", "/0"].includes(pathname)) {
    throw unexpected(
      "a URL with a path or a database; services share a Redis by the option prefix",
    );
  }
  return {
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? DEFAULT_PORT : Number(port),
    tls: protocol === "rediss:",
    ...(ca !== undefined && { ca }),
    ...(username !== "" && { username: decoded(username) }),
    ...(password !== "" && { password: decoded(password) }),
  };
}

/** Names the server in an error, without the password. */
export function placeOf({ path, host, port }: Address): string {
  return path ?? `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/**
 * Takes the password out of a text. Redis repeats the arguments of a command that it does not know,
 * and an old server does not know the one that logs in.
 */
export function withoutPassword(text: string, { password }: Address): string {
  return password === undefined ? text : text.replaceAll(password, HIDDEN);
}

function unixAddress(path: string): Address {
  if (!path.startsWith("/")) throw unexpected(`${UNIX} without an absolute path behind it`);
  return { path, host: "", port: 0, tls: false };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    // The error says "URI malformed" and does not show the text.
    throw unexpected("a user or password with a % that encodes nothing", error);
  }
}

function unexpected(what: string, cause?: unknown): TypeError {
  return new TypeError(
    "expected the option url of a RedisBroker to be redis://user:password@host:port, rediss://… or " +
      `${UNIX}/path, with special characters of the password percent-encoded, but got ${what}`,
    { cause },
  );
}
