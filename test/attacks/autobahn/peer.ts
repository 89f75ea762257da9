import { once } from "node:events";
import net from "node:net";
import { handshake } from "../../support/wire.ts";
import { within } from "../../support/within.ts";
import { type Answer, CLOSE, closing, frame, type Step } from "./case.ts";

/** For the longest case beside other busy processes. */
const DEADLINE_MS = 60_000;
/** How often the server may read, between two steps that a client waits between. */
const PAUSE_TURNS = 20;
const HEAD_END = "\r\n\r\n";

/** A frame from the server. */
export interface Received {
  readonly fin: boolean;
  readonly rsv: number;
  readonly opcode: number;
  readonly payload: Buffer;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Autobahn's end of a connection: raw bytes, read as they come and kept as frames. */
export class Peer implements AsyncDisposable {
  readonly #socket: net.Socket;
  readonly frames: Received[] = [];
  /** The head of the answer to the handshake. */
  head = "";
  /** Whether the server's half has ended. */
  isEnded = false;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #needs = 0;
  #wake: () => void = () => {};

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => {
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
      if (this.#bytes >= this.#needs) this.#read(Buffer.concat(this.#chunks));
      this.#wake();
    });
    const end = () => {
      this.isEnded = true;
      this.#wake();
    };
    // A reset is an end too; what it means is the case's to say.
    socket.on("error", end).on("end", end).on("close", end);
  }

  /** Opens a WebSocket. */
  static async open(url: string, extensions?: string): Promise<Peer> {
    const { hostname, port } = new URL(url);
    const socket = net.connect({ host: hostname, port: Number(port) });
    const peer = new Peer(socket);
    await once(socket, "connect");
    socket.write(handshake("/", { "Sec-WebSocket-Extensions": extensions }));
    await peer.until(() => peer.head !== "", "an answer to the handshake");
    if (!peer.head.startsWith("HTTP/1.1 101 ")) throw new Error(`not upgraded: ${peer.head}`);
    return peer;
  }

  /** Messages and pongs that have come, in order; one with a reserved bit is neither. */
  get answers(): Answer[] {
    return this.frames
      .filter(({ opcode }) => opcode !== CLOSE)
      .map(({ rsv, opcode, payload }) => ({ opcode: (rsv << 4) | opcode, payload }));
  }

  /** The server's close frame, when it has come. */
  get close(): Received | undefined {
    const last = this.frames.at(-1);
    return last?.opcode === CLOSE ? last : undefined;
  }

  /** The code of the server's close frame: 1005 for none in it. */
  get code(): number | undefined {
    const { close } = this;
    return close && close.payload.length > 0 ? close.payload.readUInt16BE(0) : close && 1005;
  }

  /** Whether the server has sent its last. */
  get isOver(): boolean {
    return this.isEnded || this.close !== undefined;
  }

  /** Plays a step, and lets the server read what was sent before the next one. */
  async play(step: Step): Promise<void> {
    if (typeof step === "symbol") {
      for (let n = 0; n < PAUSE_TURNS && !this.isOver; n++) await turn();
    } else if ("awaits" in step) {
      const hasCome = () => this.frames.length >= step.awaits;
      await this.until(() => this.isOver || hasCome(), `${step.awaits} answers`);
    } else {
      this.#socket.write(step);
      await turn();
    }
  }

  /** Does the client's half of the close: begins it, or answers the server's close frame. */
  async leave(): Promise<void> {
    const { code } = this;
    if (!this.isEnded) this.#socket.write(code === 1005 ? frame(CLOSE) : closing(code ?? 1000));
    await this.end();
  }

  /** Waits for the end of the server's half: it is the server that is to end the connection. */
  async end(): Promise<void> {
    await this.until(() => this.isEnded, "the server to end the connection");
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    const seen = () => `${what}, after ${this.frames.map(({ opcode }) => opcode).slice(0, 20)}`;
    const come = async () => {
      while (!condition()) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    };
    if (!condition()) await within(come(), seen(), DEADLINE_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.closed) return;
    const closed = once(this.#socket, "close");
    this.#socket.destroy();
    await closed;
  }

  #read(whole: Buffer): void {
    let rest = whole;
    if (this.head === "") {
      const end = rest.indexOf(HEAD_END);
      if (end < 0) return;
      this.head = rest.subarray(0, end).toString("latin1");
      rest = rest.subarray(end + HEAD_END.length);
    }
    let length = lengthOf(rest);
    while (rest.length >= length.whole) {
      this.frames.push(parse(rest.subarray(0, length.whole), length.head));
      rest = rest.subarray(length.whole);
      length = lengthOf(rest);
    }
    this.#chunks = [rest];
    this.#bytes = rest.length;
    this.#needs = length.whole;
  }
}

// As far as the bytes tell: of a head that is cut off, how long it is.
function lengthOf(bytes: Buffer): { head: number; whole: number } {
  const short = (bytes[1] ?? 0) & 127;
  const head = bytes.length < 2 || short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < head || bytes.length < 2) return { head, whole: head };
  const payload =
    head === 2 ? short : head === 4 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  return { head, whole: head + payload };
}

function parse(bytes: Buffer, head: number): Received {
  const first = bytes[0] as number;
  const [fin, rsv, opcode] = [(first & 128) > 0, (first >> 4) & 7, first & 15];
  return { fin, rsv, opcode, payload: Buffer.from(bytes.subarray(head)) };
}
