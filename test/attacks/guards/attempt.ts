// One attempt to come in: a path that is bent out of shape, a method, and headers that mislead.

import fc from "fast-check";
import { requestText } from "../../support/raw.ts";
import { handshake, Wire } from "../../support/wire.ts";
import { type Target, TOKEN } from "./tree.ts";

/** How an attempt goes. */
export interface Attempt {
  readonly socket: boolean;
  readonly method: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Chooses one of the targets and bends it. */
  targetFrom(targets: readonly Target[]): string;
}

type Bend = (path: string, at: number) => string;

const put =
  (text: string): Bend =>
  (path, at) =>
    path.slice(0, at) + text + path.slice(at);
const swap =
  (text: string): Bend =>
  (path, at) => {
    const slash = path.indexOf("/", at);
    return slash === -1 ? path + text : path.slice(0, slash) + text + path.slice(slash + 1);
  };
const change =
  (how: (char: string) => string): Bend =>
  (path, at) =>
    path.slice(0, at) + how(path[at] ?? "") + path.slice(at + 1);
const hex = (char: string) =>
  [...Buffer.from(char)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");

const BENDS: Readonly<Record<string, Bend>> = {
  "other case": change((c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase())),
  "all upper": (path) => path.toUpperCase(),
  encoded: change(hex),
  "encoded in upper case": change((c) => hex(c).toUpperCase()),
  "encoded twice": change((c) => hex(c).replace("%", "%25")),
  "all encoded": (path) => path.replace(/[^/]/g, hex),
  "slash encoded": swap("%2f"),
  "slash encoded twice": swap("%252F"),
  "slash doubled": swap("//"),
  "slashes many": swap("/////"),
  "slash back": swap("\\"),
  "slash back encoded": swap("%5c"),
  "slash overlong": swap("%c0%af"),
  "slash wide": swap("%ef%bc%8f"),
  "slash of IIS": swap("%u002f"),
  "slash gone": swap(""),
  "dot segment": swap("/./"),
  "dot dot": swap("/x/../"),
  "dot dot encoded": swap("/x/%2e%2E/"),
  "dot dot half encoded": swap("/x/.%2e/"),
  "dot dot with parameter": swap("/x/..;/"),
  "dot dot at the start": (path) => `/..${path}`,
  "dot dot at the end": (path) => `${path}/..`,
  "other first": (path) => `/api/..${path}`,
  "other first encoded": (path) => `/api/%2e%2e${path}`,
  "other first in backslashes": (path) => `/api\\..${path.replaceAll("/", "\\")}`,
  "doubled start": (path) => `/${path}`,
  "backslash start": (path) => `/\\${path.slice(1)}`,
  "no start": (path) => path.slice(1),
  "slash at the end": (path) => `${path}/`,
  "slashes at the end": (path) => `${path}//`,
  "no slash at the end": (path) => path.replace(/\/$/, ""),
  "dot at the end": (path) => `${path}.`,
  "json at the end": (path) => `${path}.json`,
  semicolon: put(";x=y"),
  "semicolon alone": swap(";/"),
  query: put("?"),
  "query encoded": put("%3f"),
  fragment: put("#"),
  "fragment with query": put("#?"),
  "fragment encoded": put("%23"),
  "NUL encoded": put("%00"),
  NUL: put("\0"),
  tab: put("\t"),
  "tab encoded": put("%09"),
  "line end encoded": put("%0d%0aX-Token:%20sesame"),
  "form feed": put("\f"),
  space: put(" "),
  "space encoded": put("%20"),
  "high byte": put("\u00a0"),
  "soft hyphen": put("\u00ad"),
  "half an encoding": put("%"),
  "bad encoding": put("%zz"),
  star: put("*"),
  colon: put(":"),
  at: put("@"),
  braces: put("{x}"),
  absolute: (path) => `http://localhost${path}`,
  "absolute of another": (path) => `http://evil.example${path}`,
  "absolute with userinfo": (path) => `http://localhost@evil.example${path}`,
  "absolute of https": (path) => `https://localhost:1${path}`,
  "absolute of another scheme": (path) => `javascript:${path}`,
  "network path": (path) => `//localhost${path}`,
  long: put("x".repeat(3_000)),
  "long of slashes": put("/".repeat(3_000)),
  "long of dot dot": put("/..".repeat(1_000)),
  deep: put("/x".repeat(1_000)),
  "nothing but a star": () => "*",
};

const bends = fc.array(
  fc.tuple(fc.constantFrom(...Object.keys(BENDS)), fc.integer({ min: 0, max: 60 })),
  { maxLength: 3 },
);

const headers = fc.constantFrom<readonly (readonly [string, string])[]>(
  [],
  [],
  [["X-Token", ""]],
  [["X-Token", "SESAME"]],
  [["X-Token", "sesame, x"]],
  [["X_Token", TOKEN]],
  [["Cookie", `x-token=${TOKEN}`]],
  [["Connection", "X-Token, Upgrade"]],
  [["X-Original-URL", "/public"]],
  [["X-Rewrite-URL", "/public"]],
  [["X-Forwarded-Prefix", "/public"]],
  [["X-Forwarded-Host", "evil.example"]],
  [["X-HTTP-Method-Override", "GET"]],
  [["Upgrade", "h2c"]],
  [
    ["Connection", "Upgrade"],
    ["Upgrade", "h2c"],
  ],
  [
    ["Connection", "Upgrade"],
    ["Upgrade", "h2c, websocket"],
  ],
  [["Upgrade", "websocket"]],
  [["Sec-WebSocket-Protocol", `x-token, ${TOKEN}`]],
  [["Range", "bytes=0-"]],
  [["If-None-Match", "*"]],
  [["Accept", "../../etc/passwd"]],
);

/** Attempts of every kind. */
export const attempts: fc.Arbitrary<Attempt> = fc
  .record({
    socket: fc.boolean(),
    method: fc.constantFrom(
      ...["GET", "GET", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
      ...["TRACE", "PROPFIND", "CONNECT"],
    ),
    headers,
    which: fc.nat(),
    bent: bends,
  })
  .map(({ which, bent, ...rest }) => ({
    ...rest,
    bent,
    targetFrom: (targets: readonly Target[]) => {
      const path = targets[which % Math.max(targets.length, 1)]?.path ?? "/";
      return bent.reduce(
        (bending, [name, at]) => (BENDS[name] as Bend)(bending, at % (bending.length + 1)),
        path,
      );
    },
  }));

/** Sends attempts, plain requests over one connection for as long as the server keeps it. */
export class Attacker implements AsyncDisposable {
  readonly #url: string;
  #kept: Wire | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  /**
   * Sends an attempt.
   *
   * @returns the status, 0 for the end of the connection without a word
   */
  async send(
    { socket, method, headers: own }: Omit<Attempt, "targetFrom">,
    target: string,
    token: boolean,
  ): Promise<number> {
    const all = { ...Object.fromEntries(own), ...(token ? { "X-Token": TOKEN } : {}) };
    return socket
      ? this.#shake(method, target, all)
      : (await this.#ask(method, target, all)).status;
  }

  /** Where a GET is redirected to. */
  async locationOf(target: string): Promise<string | undefined> {
    return (await this.#ask("GET", target, {})).location;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kept?.[Symbol.asyncDispose]();
  }

  async #shake(method: string, target: string, all: Record<string, string>): Promise<number> {
    await using wire = await Wire.connect(this.#url);
    const text = handshake(target, { Host: "localhost", ...all });
    wire.write(Buffer.from(text.replace(/^GET/, method), "latin1"));
    return (await headOf(wire))?.status ?? 0;
  }

  async #ask(
    method: string,
    target: string,
    all: Record<string, string>,
  ): Promise<{ status: number; location?: string | undefined }> {
    if (!this.#kept || this.#kept.ended) {
      await this.#kept?.[Symbol.asyncDispose]();
      this.#kept = await Wire.connect(this.#url);
    }
    const wire = this.#kept;
    const text = requestText(target, { method, headers: { Connection: "keep-alive", ...all } });
    wire.write(Buffer.from(text, "latin1"));
    const head = await headOf(wire);
    const length = Number(head?.headers.get("content-length") ?? 0);
    const bodiless = method === "HEAD" || head?.status === 204 || head?.status === 304;
    if (head && !bodiless) await wire.bytes(length);
    if (head?.headers.get("connection") !== "keep-alive" || wire.buffer.length > 0) {
      this.#kept = undefined;
      await wire[Symbol.asyncDispose]();
    }
    return { status: head?.status ?? 0, location: head?.headers.get("location") };
  }
}

async function headOf(wire: Wire): Promise<Awaited<ReturnType<Wire["head"]>> | undefined> {
  try {
    return await wire.head();
  } catch (error) {
    if (wire.ended && wire.buffer.length === 0) return undefined;
    throw error;
  }
}
