import type { History, Publication } from "../broker/broker.ts";
import { assertOutgoing, Frame } from "../connection/frame.ts";
import type { Encode } from "./member.ts";

/** What all frames may occupy: a quarter of what a broker retains by default. */
const MAX_BYTES = 16 * 1024 * 1024;
/** What a frame costs beside its text: objects, and its place under its offset. Rounded up. */
const FRAME_BYTES = 256;
/** What one UTF-16 unit costs: two bytes of the text, three of the frame's UTF-8. At most. */
const UNIT_BYTES = 5;

/** The history of one topic as one kind of member is sent it, as far as it has been asked for. */
class Replay {
  readonly epoch: string;
  readonly topic: string;
  /** Where it is, under its topic. */
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
 * What of the topics' histories has been encoded and framed: once for all members that share a
 * function for it. It is bounded: what was needed once only goes first (a function of a member's
 * own is never asked again), then what was not needed for the longest time.
 */
export class Replays {
  // Not to hold a member by the function that it has brought.
  readonly #byEncode = new WeakMap<Encode, Map<string, Replay>>();
  readonly #once = new Set<Replay>();
  readonly #often = new Set<Replay>();
  readonly #maxBytes: number;
  #bytes = 0;

  /** @param maxBytes what all frames may occupy; default 16 MiB */
  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** About what all frames occupy. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Gives what a kind of member is sent of each message of a history.
   *
   * @returns a function that gives the frame of one, or undefined for nothing; it throws what
   *   `encode` throws
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
      // Behind the others.
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

  // What is not in the history any more is asked for by nobody.
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
    // One that is being sent at this moment goes on without being kept.
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
