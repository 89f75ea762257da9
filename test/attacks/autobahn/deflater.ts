import {
  constants,
  createDeflateRaw,
  createInflateRaw,
  type DeflateRaw,
  type InflateRaw,
} from "node:zlib";

const NAME = "permessage-deflate";
/** What a sync flush ends with, and a message leaves out: RFC 7692 section 7.2.1. */
const TAIL = Buffer.from("0000ffff", "hex");
const WIDEST = 15;

/**
 * The client's end of permessage-deflate, by zlib alone: it keeps to what the server has agreed to,
 * and holds the server to it. A window that is too narrow, or forgotten, for what comes is an error.
 */
export class Deflater {
  readonly #parameters: ReadonlyMap<string, string | undefined>;
  #out: DeflateRaw | undefined;
  #in: InflateRaw | undefined;

  /** @param head of the answer to the handshake */
  constructor(head: string) {
    const agreed = /^sec-websocket-extensions: *(.*)$/im.exec(head)?.[1] ?? "";
    const [name, ...parameters] = agreed.split(";").map((part) => part.trim());
    if (name !== NAME) throw new Error(`expected ${NAME} in the answer, but got ${head}`);
    this.#parameters = new Map(parameters.map((each) => each.split("=") as [string, string]));
  }

  async compress(message: Buffer): Promise<Buffer> {
    this.#out ??= createDeflateRaw({ windowBits: this.#bits("client_max_window_bits") });
    const whole = await through(this.#out, message);
    if (this.#parameters.has("client_no_context_takeover")) this.#out = closed(this.#out);
    return whole.subarray(0, -TAIL.length);
  }

  async decompress(payload: Buffer): Promise<Buffer> {
    this.#in ??= createInflateRaw({ windowBits: this.#bits("server_max_window_bits") });
    const message = await through(this.#in, Buffer.concat([payload, TAIL]));
    if (this.#parameters.has("server_no_context_takeover")) this.#in = closed(this.#in);
    return message;
  }

  [Symbol.dispose](): void {
    this.#out = closed(this.#out);
    this.#in = closed(this.#in);
  }

  #bits(parameter: string): number {
    return Number(this.#parameters.get(parameter) ?? WIDEST);
  }
}

function closed(stream: DeflateRaw | InflateRaw | undefined): undefined {
  stream?.close();
}

async function through(stream: DeflateRaw | InflateRaw, bytes: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const take = (chunk: Buffer) => chunks.push(chunk);
  const { promise, resolve, reject } = resolvers();
  stream.on("data", take).once("error", reject);
  stream.write(bytes);
  stream.flush(constants.Z_SYNC_FLUSH, resolve);
  await promise;
  stream.off("data", take).off("error", reject);
  return Buffer.concat(chunks);
}

function resolvers(): { promise: Promise<void>; resolve: () => void; reject: (e: Error) => void } {
  let resolve: () => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
