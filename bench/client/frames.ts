import { randomBytes } from "node:crypto";

/** Shorter ones are the protocol's own: socket.io's heartbeat. */
const SHORTEST_COUNTED = 4;
const TEXT = 0x81;
const PING = 0x9;
const MASK_BIT = 0x80;

/** One masked frame as a client sends it. */
export function clientFrame(text: string, first = TEXT): Buffer {
  const payload = Buffer.from(text);
  const mask = randomBytes(4);
  for (const [at, byte] of payload.entries()) payload[at] = byte ^ (mask[at % 4] as number);
  return Buffer.concat([header(first, payload.length), mask, payload]);
}

function header(first: number, length: number): Buffer {
  if (length < 126) return Buffer.from([first, MASK_BIT | length]);
  if (length < 65_536) return Buffer.from([first, MASK_BIT | 126, length >> 8, length & 0xff]);
  const bytes = Buffer.from([first, MASK_BIT | 127, 0, 0, 0, 0, 0, 0, 0, 0]);
  bytes.writeUInt32BE(length, 6);
  return bytes;
}

/** Counts the messages in a server's stream without looking at them. */
export class FrameCounter {
  readonly #head = Buffer.alloc(10);
  #headBytes = 0;
  /** Bytes of the current frame that are still to come. */
  #left = 0;
  #counts = false;
  #pings = 0;

  /** Pings since the last call. */
  takePings(): number {
    const pings = this.#pings;
    this.#pings = 0;
    return pings;
  }

  /**
   * Reads on.
   *
   * @returns how many messages ended here
   */
  feed(chunk: Uint8Array, end: number): number {
    let count = 0;
    let at = 0;
    while (at < end) {
      if (this.#left === 0) {
        this.#head[this.#headBytes++] = chunk[at++] as number;
        if (this.#headBytes < 2 || this.#headBytes < this.#headLength()) continue;
        this.#begin();
      }
      const taken = Math.min(this.#left, end - at);
      at += taken;
      this.#left -= taken;
      if (this.#left === 0 && this.#counts) count++;
    }
    return count;
  }

  #headLength(): number {
    const length = this.#head[1] as number;
    return length < 126 ? 2 : length === 126 ? 4 : 10;
  }

  #begin(): void {
    const short = this.#head[1] as number;
    const length =
      short < 126 ? short : short === 126 ? this.#head.readUInt16BE(2) : this.#head.readUInt32BE(6);
    const opcode = (this.#head[0] as number) & 0xf;
    if (opcode === PING) this.#pings++;
    this.#counts = opcode < 0x8 && length >= SHORTEST_COUNTED;
    this.#left = length;
    this.#headBytes = 0;
  }
}
