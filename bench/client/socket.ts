import net, { type Socket } from "node:net";
import { clientFrame, FrameCounter } from "./frames.ts";

/** How a contestant is spoken to. */
export type Dialect = "raw" | "socket.io";

/** Where a connection goes. */
export interface Target {
  readonly port: number;
  readonly path: string;
  readonly dialect: Dialect;
}

/** Every socket reads into it: a chunk is counted at once and never kept. */
const READ_BUFFER = Buffer.alloc(64 * 1024);
const PONG = clientFrame("", 0x8a);
const END_OF_HEAD = "\r\n\r\n";
/** `40` asks for the default namespace. */
const SOCKET_IO_CONNECT = clientFrame("40");
/** Socket.IO's own messages before the first event: `0{…}` and `40{…}`. */
const SOCKET_IO_GREETINGS = 2;

/** The handshake a browser sends. */
export function handshakeRequest({ port, path }: Target): Buffer {
  return Buffer.from(
    [
      `GET ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      "Connection: Upgrade",
      "Pragma: no-cache",
      "Cache-Control: no-cache",
      "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Safari/537.36",
      "Upgrade: websocket",
      `Origin: http://127.0.0.1:${port}`,
      "Sec-WebSocket-Version: 13",
      "Accept-Encoding: gzip, deflate, br, zstd",
      "Accept-Language: en-US,en;q=0.9",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
      END_OF_HEAD,
    ].join("\r\n"),
  ).subarray(0, -2);
}

/** A frame with a message of this text, as the contestant's client would send it. */
export function messageFrame(dialect: Dialect, text: string): Buffer {
  return clientFrame(dialect === "raw" ? text : `42${JSON.stringify(["message", text])}`);
}

/** A WebSocket on a bare socket: it writes ready-made frames and counts those that come back. */
export class RawSocket {
  readonly socket: Socket;
  /** Resolves when the server has accepted. */
  readonly opened: Promise<void>;
  /** Told how many messages a chunk ended. */
  onMessages: (count: number) => void = () => {};

  readonly #frames = new FrameCounter();
  #head: string | undefined = "";
  #greetings: number;
  #resolve: () => void = () => {};
  #reject: (error: Error) => void = () => {};

  constructor(target: Target, request = handshakeRequest(target)) {
    this.#greetings = target.dialect === "raw" ? 0 : SOCKET_IO_GREETINGS;
    this.opened = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const read = (length: number, buffer: Uint8Array) => this.#read(length, buffer as Buffer);
    this.socket = net.connect({
      port: target.port,
      host: "127.0.0.1",
      noDelay: true,
      onread: { buffer: READ_BUFFER, callback: read },
    });
    this.socket.on("connect", () => this.socket.write(request));
    this.socket.on("error", (error) => this.#reject(error));
    this.socket.on("close", () => this.#reject(new Error("the server closed the connection")));
  }

  /** Resolves at the next message. */
  message(): Promise<void> {
    return new Promise((resolve) => {
      this.onMessages = () => resolve();
    });
  }

  #read(length: number, buffer: Buffer): boolean {
    const start = this.#head === undefined ? 0 : this.#readHead(length, buffer);
    if (start < length) this.#readFrames(buffer.subarray(start, length));
    return true;
  }

  // How many bytes of the chunk belonged to the response's head.
  #readHead(length: number, buffer: Buffer): number {
    const before = this.#head?.length ?? 0;
    const head = this.#head + buffer.toString("latin1", 0, length);
    const end = head.indexOf(END_OF_HEAD);
    this.#head = head;
    if (end < 0) return length;
    this.#head = undefined;
    if (!head.startsWith("HTTP/1.1 101 ") || /sec-websocket-extensions/i.test(head)) {
      this.#reject(new Error(`expected a bare 101, but got ${head.slice(0, end)}`));
      return length;
    }
    if (this.#greetings > 0) this.socket.write(SOCKET_IO_CONNECT);
    else this.#resolve();
    return end + END_OF_HEAD.length - before;
  }

  #readFrames(chunk: Buffer): void {
    let count = this.#frames.feed(chunk, chunk.length);
    for (let pings = this.#frames.takePings(); pings > 0; pings--) this.socket.write(PONG);
    if (this.#greetings > 0) {
      const greetings = Math.min(this.#greetings, count);
      count -= greetings;
      this.#greetings -= greetings;
      if (this.#greetings === 0) this.#resolve();
    }
    if (count > 0) this.onMessages(count);
  }
}
