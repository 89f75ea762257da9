// What a client sends together with its handshake, before it, or instead of frames after it.

import assert from "node:assert/strict";
import { frame, handshake, type Wire } from "../../support/wire.ts";
import { BINARY, closing, echoed, PING, pong, raw, TEXT } from "./attack.ts";

/** A sequence around a handshake. It ends with the end of the connection. */
export interface Pipelining {
  /** A whole sentence. */
  readonly title: string;
  readonly run: (wire: Wire) => Promise<void>;
}

const GET = "GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
const POST = "POST /hello HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\n\r\nabc";

/** After the 101 these are frames, and malformed ones: no parser of HTTP may see them. */
const OTHER_PROTOCOLS: readonly (readonly [what: string, bytes: string | Buffer])[] = [
  ["an HTTP GET", GET],
  ["an HTTP POST", POST],
  ["an HTTP HEAD", GET.replace("GET", "HEAD")],
  ["an HTTP DELETE", GET.replace("GET", "DELETE")],
  ["an HTTP OPTIONS", GET.replace("GET", "OPTIONS")],
  ["a second handshake", handshake("/ws/")],
  ["an HTTP response", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],
  ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ["the hello of TLS", Buffer.from("160301002f0100002b0303", "hex")],
  ["an empty line", "\r\n\r\n"],
];

const together: Pipelining[] = [
  accepted(
    "a text in the segment of the handshake is echoed",
    frame(TEXT, "early"),
    async (wire) => {
      assert.deepEqual(await next(wire), echoed("early"));
      wire.write(closing(1000));
      await ends(wire, 1000);
    },
  ),
  accepted("a ping in the segment of the handshake is answered", frame(PING, "p"), async (wire) => {
    assert.deepEqual(await next(wire), pong("p"));
    wire.write(closing(1000));
    await ends(wire, 1000);
  }),
  accepted(
    "half a text in the segment of the handshake waits for its rest",
    frame(TEXT, "early").subarray(0, 7),
    async (wire) => {
      wire.write(frame(TEXT, "early").subarray(7), frame(TEXT, "more"));
      assert.deepEqual(await next(wire), echoed("early"));
      assert.deepEqual(await next(wire), echoed("more"));
      wire.write(closing(1000));
      await ends(wire, 1000);
    },
  ),
  accepted("a close frame in the segment of the handshake is answered", closing(4000), (wire) =>
    ends(wire, 4000),
  ),
  accepted(
    "an unmasked text in the segment of the handshake closes 1002",
    raw({ opcode: TEXT, masked: false }, "a"),
    (wire) => ends(wire, 1002),
  ),
  accepted(
    "malformed UTF-8 in the segment of the handshake closes 1007",
    frame(TEXT, Buffer.from([0xff])),
    (wire) => ends(wire, 1007),
  ),
  accepted(
    "a text over the limit in the segment of the handshake closes 1009",
    frame(TEXT, "a".repeat(65_537)),
    (wire) => ends(wire, 1009),
  ),
  accepted(
    "a binary message in the segment of the handshake closes 1003",
    frame(BINARY, "a"),
    async (wire) => {
      assert.equal(await code(wire), 1003);
      wire.write(closing(1003));
      await nothingMore(wire);
    },
  ),
  ...OTHER_PROTOCOLS.map(([what, bytes]) =>
    accepted(`${what} in the segment of the handshake closes 1002`, bytes, (wire) =>
      ends(wire, 1002),
    ),
  ),
  ...OTHER_PROTOCOLS.map(([what, bytes]) =>
    accepted(`${what} after the 101 closes 1002`, "", async (wire) => {
      wire.write(bytes);
      await ends(wire, 1002);
    }),
  ),
];

const before: Pipelining[] = [
  {
    title: "a handshake on a connection whose GET was answered is accepted",
    run: async (wire) => {
      wire.write(GET);
      await hello(wire);
      await isEchoed(wire);
    },
  },
  {
    title: "a handshake on a connection whose POST was answered is accepted",
    run: async (wire) => {
      wire.write(POST);
      await hello(wire);
      await isEchoed(wire);
    },
  },
  {
    title: "a handshake after empty lines is accepted, as RFC 9112 section 2.2 asks",
    run: async (wire) => {
      wire.write("\r\n\r\n");
      await isEchoed(wire);
    },
  },
  ...[GET, POST, GET + GET].map((requests) => ({
    title: `a handshake in one segment behind ${describe(requests)} never overtakes the answer`,
    run: async (wire: Wire) => {
      wire.write(requests, handshake("/ws/"));
      await hello(wire);
      wire.write(closing(1000));
      await wire.end();
      const rest = wire.buffer.toString("latin1");
      // Taken in its turn, or not taken at all; a second answer is whole and is the next one.
      assert.match(rest, /^(HTTP\/1\.1 200 [\s\S]*hello)?(HTTP\/1\.1 (101|4\d\d) [\s\S]*)?$/);
    },
  })),
  {
    title: "a frame before the handshake is no HTTP: it is answered 400",
    run: (wire) => isRefused(wire, [frame(TEXT, "a"), handshake("/ws/")], 400),
  },
];

const refusals: Pipelining[] = [
  refusedBy(
    "a handshake with a body is refused 400",
    [handshake("/ws/", { "Content-Length": "3" }), "abc"],
    400,
  ),
  refusedBy(
    "a handshake with a chunked body is refused 400",
    [handshake("/ws/", { "Transfer-Encoding": "chunked" }), "0\r\n\r\n"],
    400,
  ),
  refusedBy(
    "a handshake with a frame as its body is refused 400, and the frame is not read",
    [handshake("/ws/", { "Content-Length": "7" }), frame(TEXT, "a")],
    400,
  ),
  refusedBy(
    "a handshake that announces a body of two lengths is refused 400",
    [handshake("/ws/", { "Content-Length": "0, 3" }), "abc"],
    400,
  ),
  refusedBy(
    "a refused handshake does not answer the frames behind it",
    [handshake("/nowhere"), frame(TEXT, "a"), frame(PING, "p")],
    403,
  ),
  refusedBy(
    "a refused handshake does not answer the GET behind it",
    [handshake("/nowhere"), GET],
    403,
  ),
  refusedBy(
    "a refused handshake does not answer the handshake behind it",
    [handshake("/nowhere"), handshake("/ws/")],
    403,
  ),
  refusedBy(
    "a handshake with two keys is refused 400",
    [handshake("/ws/").replace(/(Sec-WebSocket-Key: .*\r\n)/, "$1$1")],
    400,
  ),
  refusedBy(
    "a handshake with two versions is refused 426",
    [handshake("/ws/").replace(/(Sec-WebSocket-Version: .*\r\n)/, "$1$1")],
    426,
  ),
  refusedBy(
    "a handshake by HTTP/1.0 is refused 400",
    [handshake("/ws/").replace("HTTP/1.1", "HTTP/1.0")],
    400,
  ),
  refusedBy(
    "a handshake with two Hosts is refused 400, as RFC 9112 section 3.2 asks",
    [handshake("/ws/").replace(/(Host: .*\r\n)/, "$1Host: other.example\r\n")],
    400,
  ),
  refusedBy(
    "a handshake without a Host is refused 400",
    [handshake("/ws/", { Host: undefined })],
    400,
  ),
];

export const aroundThe101: Pipelining[] = [...together, ...before, ...refusals];

function accepted(
  title: string,
  early: string | Buffer,
  then: (wire: Wire) => Promise<void>,
): Pipelining {
  return {
    title,
    run: async (wire) => {
      wire.write(handshake("/ws/"), early);
      assert.equal((await wire.head()).status, 101);
      await then(wire);
    },
  };
}

function refusedBy(title: string, sends: (string | Buffer)[], status: number): Pipelining {
  return { title, run: (wire) => isRefused(wire, sends, status) };
}

async function isRefused(wire: Wire, sends: (string | Buffer)[], status: number): Promise<void> {
  wire.write(...sends);
  const head = await wire.head();
  assert.equal(head.status, status);
  assert.equal(head.headers.get("connection"), "close");
  await wire.end();
  assert.equal(wire.buffer.length, Number(head.headers.get("content-length") ?? 0));
}

async function isEchoed(wire: Wire): Promise<void> {
  wire.write(handshake("/ws/"), frame(TEXT, "a"));
  assert.equal((await wire.head()).status, 101);
  assert.deepEqual(await next(wire), echoed("a"));
  wire.write(closing(1000));
  await ends(wire, 1000);
}

/** Takes the answer of the route at `/hello`. */
async function hello(wire: Wire): Promise<void> {
  assert.equal((await wire.head()).status, 200);
  assert.equal((await wire.bytes(5)).toString(), "hello");
}

async function next(wire: Wire): Promise<{ opcode: number; payload: string }> {
  const { opcode, payload } = await wire.frame();
  return { opcode, payload: payload.toString() };
}

async function code(wire: Wire): Promise<number> {
  const { opcode, payload } = await wire.frame();
  assert.equal(opcode, 8);
  return payload.readUInt16BE(0);
}

async function ends(wire: Wire, expected: number): Promise<void> {
  assert.equal(await code(wire), expected);
  await nothingMore(wire);
}

async function nothingMore(wire: Wire): Promise<void> {
  await wire.end();
  assert.equal(wire.buffer.toString("latin1"), "");
}

function describe(requests: string): string {
  if (requests === GET + GET) return "two GETs";
  return requests === GET ? "a GET" : "a POST";
}
