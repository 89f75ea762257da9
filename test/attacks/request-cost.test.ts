// A request's cost grows with its bytes and no faster: each header that something on its way reads,
// at two lengths, one eight times the other. What is asserted is the ratio of the costs, in CPU time
// of this process: eight for what is linear, sixty-four for a square.

import assert from "node:assert/strict";
import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import process from "node:process";
import { describe, test } from "node:test";
import { App, type Context, Refusal } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import proxyAddr from "proxy-addr";
import { originAllowed } from "../../lib/http/origin.ts";
import { parseQuery } from "../../lib/http/query.ts";
import { assertBounded } from "../../lib/http/request-bounds.ts";
import { checkHandshake, offeredProtocols } from "../../lib/upgrade/check.ts";
import { handshake, KEY, Wire } from "../support/wire.ts";

/** Characters; the head of a request may have 16 KiB. */
const SHORT = 1_900;
const LONG = SHORT * 8;
/** Between eight and sixty-four, as far from either: their geometric mean. */
const BOUND = 22;
const TRIES = 7;

type Read = (req: IncomingMessage, ctx: Context) => unknown;

const app = new App({ keys: ["k"] });
const trust = proxyAddr.compile(["loopback", "10.0.0.0/8"]);

const readers: Record<string, Read> = {
  query: (_req, ctx) => ctx.query,
  accept: (_req, ctx) => [ctx.accepts("json", "html"), ctx.accepts()],
  "accept-encoding": (_req, ctx) => ctx.acceptsEncodings("br", "identity"),
  "accept-language": (_req, ctx) => ctx.acceptsLanguages("en"),
  cookie: (_req, ctx) => ctx.cookies.get("admin", { signed: true }),
  "if-none-match": (_req, ctx) => {
    ctx.status = 200;
    ctx.etag = "x";
    return ctx.fresh;
  },
  "content-type": (_req, ctx) => [ctx.is("text/plain"), ctx.charset],
  "x-forwarded-for": (req) => proxyAddr(req, trust),
  origin: (req) => originAllowed(String(req.headers.origin), "http://localhost", []),
  "sec-websocket-protocol": (req) => offeredProtocols(req),
};

function repeated(unit: string, before = "", after = "") {
  return (length: number) => before + unit.repeat(Math.ceil(length / unit.length)) + after;
}

function numbered(separator: string) {
  return (length: number) => {
    let text = "a";
    for (let i = 0; text.length < length; i++) text += `${separator}${i.toString(36)}`;
    return text;
  };
}

const cases: [name: string, header: string, make: (length: number) => string][] = [
  ["one key again and again", "query", repeated("a&")],
  ["ever new keys", "query", numbered("&")],
  ["a long value", "query", repeated("%41", "a=")],
  ["a quote that stays open", "accept", repeated(",", '"')],
  ["parameters in a quote", "accept", repeated(";", 'a/b;x="')],
  ["many types", "accept", repeated("a/b,")],
  ["many encodings", "accept-encoding", repeated("a,")],
  ["parameters of an encoding", "accept-encoding", repeated(";", "a")],
  ["many languages", "accept-language", repeated("a-b,")],
  ["many cookies", "cookie", repeated("a=b; ")],
  ["spaces before a cookie", "cookie", repeated(" ", ";", "x")],
  ["many tags", "if-none-match", repeated('"a", ')],
  ["open quotes", "content-type", repeated(';a="', "x/y")],
  ["spaces in a type", "content-type", repeated(" ", "x/y;", "a")],
  ["many proxies", "x-forwarded-for", repeated("10.0.0.1, ")],
  ["a long address", "x-forwarded-for", repeated("a:", "", "!")],
  ["commas", "x-forwarded-for", repeated(",")],
  ["encoded labels", "origin", repeated("a9b", "http://xn--")],
  ["labels of other alphabets", "origin", repeated("\xe9.", "http://", "a")],
  ["many protocols", "sec-websocket-protocol", numbered(", ")],
];

function request(header: string, value: string): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, "remoteAddress", { value: "127.0.0.1" });
  const req = new IncomingMessage(socket);
  req.method = "GET";
  req.httpVersionMajor = 1;
  req.httpVersionMinor = 1;
  req.url = header === "query" ? `/?${value}` : "/";
  const others = { host: "localhost", "content-length": "1" };
  req.headers = header === "query" ? others : { ...others, [header]: value };
  return req;
}

/** The CPU time of reading a header ten times, in microseconds: the least of some tries. */
function cost(header: string, value: string): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIES; i++) {
    const reqs = Array.from({ length: 10 }, () => request(header, value));
    const before = process.cpuUsage();
    for (const req of reqs) read(header, req);
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, user + system);
  }
  return least;
}

// Refusing it is an answer too, and costs less.
function read(header: string, req: IncomingMessage): void {
  try {
    assertBounded(req);
    const ctx = app.createContext(req, new ServerResponse(req)) as unknown as Context;
    readers[header]?.(req, ctx);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}

describe("what is read of a request costs no more than its length says", () => {
  for (const [name, header, make] of cases) {
    test(`${header}: ${name}`, () => {
      cost(header, make(SHORT));
      const short = cost(header, make(SHORT));
      const long = cost(header, make(LONG));
      // Below a tenth of a millisecond for ten, there is nothing to bound, and a tick to measure with.
      const ratio = long / Math.max(short, 100);
      assert.ok(ratio < BOUND, `eight times the bytes cost ${ratio.toFixed(1)} times as much`);
    });
  }
});

test("a query asks for no key anew, however many there are", (t) => {
  const getAll = t.mock.method(URLSearchParams.prototype, "getAll");
  for (const count of [125, 250, 500, 1_000]) parseQuery(numbered("&")(count * 2).slice(0, count));
  assert.equal(getAll.mock.callCount(), 0);
});

test("an Accept or a Host that would cost more is refused 400, for HTTP and handshakes", async () => {
  const open = new App();
  open.websocket("/", () => {});
  await using client = await TestClient.start(open);
  const attempts: Record<string, string>[] = [
    { Accept: `"${",".repeat(101)}` },
    { Host: `${"a.".repeat(600)}localhost` },
  ];
  for (const headers of attempts) {
    for (const Connection of ["close", "Upgrade"]) {
      await using wire = await Wire.connect(client.url);
      wire.write(handshake("/", { ...headers, Connection }));
      const { status, body } = await wire.response();
      assert.equal(status, 400, JSON.stringify(headers).slice(0, 40));
      assert.match(body, /^expected at most \d+ (?:characters|commas)/);
    }
  }
  for (const Accept of ['text/html;profile="a,b;c", */*', "a/b,".repeat(2_000)]) {
    await using wire = await Wire.connect(client.url);
    wire.write(handshake("/", { Accept }));
    assert.equal((await wire.head()).status, 101);
  }
});

test("a handshake is checked in one pass over its headers", () => {
  const rawHeaders: string[] = [];
  let reads = 0;
  const counted = (count: number) => {
    rawHeaders.length = 0;
    for (let i = 0; i < count; i++) rawHeaders.push(`X-${i}`, "y");
    rawHeaders.push("Host", "localhost");
    reads = 0;
    const req = request("sec-websocket-key", KEY);
    req.headers["sec-websocket-version"] = "13";
    delete req.headers["content-length"];
    req.rawHeaders = new Proxy(rawHeaders, {
      get(target, key) {
        reads++;
        return Reflect.get(target, key);
      },
    });
    checkHandshake(req);
    return reads;
  };
  const [few, many] = [counted(250), counted(2_000)];
  assert.ok(many <= few * 8, `${few} reads, and ${many} for eight times the headers`);
});
