import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import { type Frame, MOST_HEAD_BYTES } from "./frame.ts";
import type { ConnectionLimits } from "./options.ts";
import { Writer } from "./writer.ts";

const SENT = Promise.resolve(true);

/**
 * The writer of one connection with its two bounds. Above `highWaterBytes` a sender waits; above
 * `maxBufferedBytes` the client is too slow, and its connection cuts it off with 1013.
 */
export class Backpressure extends Writer {
  readonly #limits: ConnectionLimits;
  /** Unsent bytes that do not count for the upper bound, until the buffer is below that bound. */
  #excusedBytes = 0;

  /** @param limits see `ConnectionOptions.highWaterBytes` and `maxBufferedBytes` */
  constructor(ws: WebSocket, socket: Socket, limits: ConnectionLimits) {
    super(ws, socket, limits.highWaterBytes);
    this.#limits = limits;
  }

  /**
   * Writes a frame.
   *
   * @returns what `send` gives, or undefined for a client that is too slow: nothing is written
   */
  deliver(frame: Frame): Promise<boolean> | undefined {
    const { highWaterBytes, maxBufferedBytes } = this.#limits;
    const buffered = this.bufferedBytes;
    if (buffered <= maxBufferedBytes) this.#excusedBytes = 0;
    else if (buffered > maxBufferedBytes + this.#excusedBytes) return undefined;
    this.write(frame);
    if (frame.mostBytes > maxBufferedBytes) this.#excuse(buffered);
    const most = buffered + frame.mostBytes + MOST_HEAD_BYTES;
    return most > highWaterBytes ? this.drained() : SENT;
  }

  /**
   * Writes the frames that a policy for slow members still holds, however many they are.
   *
   * @returns false for a client that is too slow
   */
  deliverHeld(frames: readonly Frame[]): boolean {
    if (frames.length === 0) return true;
    // Only once: a client that is behind by that much already gets the ordinary bound.
    if (this.#excusedBytes > 0) return frames.every((frame) => this.deliver(frame) !== undefined);
    for (const frame of frames) this.write(frame);
    this.#excuse(Number.NEGATIVE_INFINITY);
    return true;
  }

  /** As {@link deliver}, for a Blob, which ws reads first. */
  deliverBlob(blob: Blob): Promise<boolean> | undefined {
    if (this.bufferedBytes > this.#limits.maxBufferedBytes) return undefined;
    this.writeBlob(blob);
    return this.drained();
  }

  // One message longer than the bound, such as a welcome, must not cut off a client that reads it:
  // the bound applies to the messages behind it. A second long message is excused only after the
  // first has gone.
  #excuse(bufferedBefore: number): void {
    const buffered = this.bufferedBytes;
    const isLong = buffered - bufferedBefore > this.#limits.maxBufferedBytes;
    if (isLong && this.#excusedBytes === 0) this.#excusedBytes = buffered;
  }
}
