import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";

const DEADLINE_MS = 20_000;
/** The key of RFC 6455 section 1.3 and the accept value that belongs to it. */
export const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
export const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/** A frame from the server. */
export interface Frame {
  readonly fin: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
}

/** The text of a handshake; a header of `undefined` is left out. */
export function handshake(path: string, headers: Record<string, string | undefined> = {}): string {
  const all = {
    Host: "127.0.0.1",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
    ...headers,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== undefined);
  return `GET ${path} HTTP/1.1\r\n${lines.map(([n, v]) => `${n}: ${v}\r\n`).join("")}\r\n`;
}

/** A frame as a client sends it: masked, whole unless told otherwise. */
export function frame(opcode: number, payload: string | Buffer = "", fin = true): Buffer {
  const data = Buffer.from(payload);
  const mask = Buffer.from([1, 2, 3, 4]);
  const head = [(fin ? 0x80 : 0) | opcode];
  if (data.length < 126) head.push(0x80 | data.length);
  else if (data.length < 65_536) head.push(0x80 | 126, data.length >> 8, data.length & 255);
  else head.push(0x80 | 127, 0, 0, 0, 0, ...u32(data.length));
  return Buffer.concat([Buffer.from(head), mask, data.map((byte, i) => byte ^ (mask[i % 4] ?? 0))]);
}

function u32(n: number): number[] {
  return [(n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
}

/** A TCP client that sees every byte. Every wait has a deadline. */
export class Wire implements AsyncDisposable {
  readonly socket: net.Socket;
  /** What has come and was not taken yet. */
  buffer = Buffer.alloc(0);
  ended = false;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on("data", (chunk) => {
      this.buffer = Buffer.concat([this.buffer, chunk]);
    });
    socket.on("error", () => {});
    socket.on("end", () => {
      this.ended = true;
    });
    socket.on("close", () => {
      this.ended = true;
    });
  }

  static async connect(url: string, allowHalfOpen = false): Promise<Wire> {
    const { hostname: host, port, protocol } = new URL(url);
    const socket =
      protocol === "https:"
        ? tls.connect({ host, port: Number(port), rejectUnauthorized: false })
        : net.connect({ host, port: Number(port), allowHalfOpen });
    await once(socket, protocol === "https:" ? "secureConnect" : "connect");
    return new Wire(socket);
  }

  write(...data: (string | Buffer)[]): void {
    this.socket.write(Buffer.concat(data.map((each) => Buffer.from(each))));
  }

  /** Takes the head of an HTTP response: status and headers. */
  async head(): Promise<{ status: number; headers: Map<string, string>; text: string }> {
    await this.#until(() => this.buffer.includes("\r\n\r\n"), "a response head");
    const end = this.buffer.indexOf("\r\n\r\n") + 4;
    const text = this.buffer.subarray(0, end).toString("latin1");
    this.buffer = this.buffer.subarray(end);
    const lines = text.trim().split("\r\n");
    const headers = new Map(
      lines.slice(1).map((line): [string, string] => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    return { status: Number(lines[0]?.split(" ")[1]), headers, text };
  }

  /** Takes a response whole: what follows the head until the server ends the connection. */
  async response(): Promise<{ status: number; headers: Map<string, string>; body: string }> {
    const head = await this.head();
    await this.end();
    return { ...head, body: this.buffer.toString() };
  }

  /** Takes that many bytes. */
  async bytes(length: number): Promise<Buffer> {
    await this.#until(() => this.buffer.length >= length, `${length} bytes`);
    const taken = this.buffer.subarray(0, length);
    this.buffer = this.buffer.subarray(length);
    return taken;
  }

  /** Takes one frame of the server. */
  async frame(): Promise<Frame> {
    await this.#until(() => parse(this.buffer) !== undefined, "a frame");
    const [frame, length] = parse(this.buffer) as [Frame, number];
    this.buffer = this.buffer.subarray(length);
    return frame;
  }

  /** Waits until the server has ended the connection. */
  async end(): Promise<void> {
    await this.#until(() => this.ended, "the end");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.closed) return;
    this.socket.destroy();
    await once(this.socket, "close");
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    while (!condition()) {
      if (this.socket.closed)
        throw new Error(`expected ${what}, but the connection closed; ${this.#seen()}`);
      const wake = new AbortController();
      const either = AbortSignal.any([signal, wake.signal]);
      try {
        await Promise.race(
          ["data", "end", "close"].map((e) => once(this.socket, e, { signal: either })),
        );
      } catch (cause) {
        throw new Error(`expected ${what} within ${DEADLINE_MS} ms; ${this.#seen()}`, {
          cause,
        });
      } finally {
        wake.abort();
      }
    }
  }

  #seen(): string {
    return `so far: ${JSON.stringify(this.buffer.toString("latin1").slice(0, 300))}`;
  }
}

function parse(buffer: Buffer): [Frame, number] | undefined {
  if (buffer.length < 2) return undefined;
  const [first = 0, second = 0] = buffer;
  let length = second & 127;
  let at = 2;
  if (length === 126) {
    if (buffer.length < 4) return undefined;
    length = buffer.readUInt16BE(2);
    at = 4;
  } else if (length === 127) {
    if (buffer.length < 10) return undefined;
    length = Number(buffer.readBigUInt64BE(2));
    at = 10;
  }
  if (buffer.length < at + length) return undefined;
  const payload = Buffer.from(buffer.subarray(at, at + length));
  return [{ fin: (first & 128) > 0, opcode: first & 15, payload }, at + length];
}
