import type { History, Publication } from "../broker/broker.ts";
import { assertOutgoing, Frame } from "../connection/frame.ts";
import type { Encode } from "./member.ts";

/** The bound on all frames: a quarter of what a broker retains by default. */
const MAX_BYTES = 16 * 1024 * 1024;
/**
 * The memory of a frame beside its text: objects, and its slot in the map of offsets. Rounded up.
 */
const FRAME_BYTES = 256;
/** The memory of one UTF-16 unit at most: two bytes in the text, three in the frame's UTF-8. */
const UNIT_BYTES = 5;

/** The frames of one topic's history for one `encode` function, as far as members have read it. */
class Replay {
  readonly epoch: string;
  readonly topic: string;
  /** The map that holds it, under its topic. */
  readonly among: Map<string, Replay>;
  readonly frames = new Map<number, Frame | undefined>();
  bytes = 0;
  isKept = true;

  constructor(topic: string, epoch: string, among: Map<string, Replay>) {
    this.topic = topic;
    this.epoch = epoch;
    this.among = among;
  }
}

/**
 * A cache of encoded and framed history, for all members that share an `encode` function. It is
 * bounded: histories that were read only once are dropped first (a member's own function is never
 * used again), then the least recently read.
 */
export class Replays {
  // Weak, so that a member's own function can be collected with the member.
  readonly #byEncode = new WeakMap<Encode, Map<string, Replay>>();
  readonly #once = new Set<Replay>();
  readonly #often = new Set<Replay>();
  readonly #maxBytes: number;
  #bytes = 0;

  /** @param maxBytes bound on all frames, in bytes; default 16 MiB */
  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** The approximate size of all frames, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Finds or makes the frames of a history.
   *
   * @returns a function that returns the frame of a message, or undefined to send nothing; it
   *   throws what `encode` throws
   */
  of(
    topic: string,
    encode: Encode,
    history: History,
  ): (publication: Publication) => Frame | undefined {
    const replay = this.#find(topic, encode, history.position.epoch);
    this.#prune(replay, history);
    return (publication) => this.#frame(replay, encode, publication);
  }

  #find(topic: string, encode: Encode, epoch: string): Replay {
    const among = this.#byEncode.get(encode) ?? new Map<string, Replay>();
    this.#byEncode.set(encode, among);
    const known = among.get(topic);
    if (known?.epoch === epoch) {
      this.#once.delete(known);
      // Moves it to the end of the set, as the most recent.
      this.#often.delete(known);
      this.#often.add(known);
      return known;
    }
    if (known) this.#drop(known);
    const replay = new Replay(topic, epoch, among);
    among.set(topic, replay);
    this.#once.add(replay);
    return replay;
  }

  // Drops frames of messages that the topic no longer retains.
  #prune(replay: Replay, { publications, recovered }: History): void {
    const first = publications[0]?.offset ?? Number.POSITIVE_INFINITY;
    if (recovered === true || replay.frames.size <= publications.length) return;
    for (const [offset, frame] of replay.frames) {
      if (offset >= first) continue;
      replay.frames.delete(offset);
      this.#occupy(replay, -bytesOf(frame));
    }
  }

  #frame(replay: Replay, encode: Encode, publication: Publication): Frame | undefined {
    const { offset, data } = publication;
    if (replay.frames.has(offset)) return replay.frames.get(offset);
    const text = encode(data, publication);
    if (text !== undefined) assertOutgoing(text);
    const frame = text === undefined ? undefined : new Frame(text);
    if (replay.isKept) {
      replay.frames.set(offset, frame);
      this.#occupy(replay, bytesOf(frame));
      this.#makeRoom();
    }
    return frame;
  }

  #makeRoom(): void {
    while (this.#bytes > this.#maxBytes) {
      const [goes] = this.#once.size > 0 ? this.#once : this.#often;
      if (!goes) return;
      this.#drop(goes);
    }
  }

  #drop(replay: Replay): void {
    this.#once.delete(replay);
    this.#often.delete(replay);
    if (replay.among.get(replay.topic) === replay) replay.among.delete(replay.topic);
    replay.frames.clear();
    this.#occupy(replay, -replay.bytes);
    // A member that is reading it now goes on, but new frames are not cached.
    replay.isKept = false;
  }

  #occupy(replay: Replay, more: number): void {
    replay.bytes += more;
    this.#bytes += more;
  }
}

function bytesOf(frame: Frame | undefined): number {
  return FRAME_BYTES + (typeof frame?.data === "string" ? UNIT_BYTES * frame.data.length : 0);
}
