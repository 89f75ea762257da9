import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Buckets } from "./buckets.ts";
import { isReply } from "./client.ts";
import type { Line } from "./line.ts";
import type { Link } from "./link.ts";
import { BEAT, type Script } from "./scripts.ts";
import { Unavailable } from "./unavailable.ts";

/** How long a call is repeated before it fails, in milliseconds. */
const CALL_MS = 5_000;
/** Wait between two attempts at one call, in milliseconds. */
const RETRY_MS = 50;
/** What may be on its way to Redis: with more, a call fails at once, and the memory has a bound. */
const MOST_CALLS = 10_000;
const MOST_BYTES = 16 * 1024 * 1024;
/** Ninety-six bits: two epochs never have one name by chance. */
const FRESH_BYTES = 12;
/** What Redis says when it cannot serve a call now and may later. */
const PASSING = /^(?:LOADING|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|BUSY|OOM|READONLY|NOREPLICAS|MISCONF)/;
/** The same, from a command inside a script. */
const PASSING_INSIDE = /-(?:OOM|READONLY)|OOM command|READONLY You/;

/** One call of a script. */
export interface Call {
  readonly script: Script;
  readonly bucket: number;
  /**
   * Makes the arguments that follow the common ones.
   *
   * @param sinceMs how long ago the first attempt was, in milliseconds; undefined for the first
   */
  args(sinceMs: number | undefined): string[];
  /** The approximate length of the arguments, in bytes. */
  readonly bytes: number;
}

/** Calls scripts of Redis, each with the fence of its bucket, and repeats what failed on the way. */
export class Calls {
  readonly #link: Link;
  readonly #buckets: Buckets;
  readonly #now: (() => number) | undefined;
  #count = 0;
  #bytes = 0;

  /** @param now the time in milliseconds, for tests; by default Redis's own */
  constructor(link: Link, buckets: Buckets, now?: () => number) {
    this.#link = link;
    this.#buckets = buckets;
    this.#now = now;
  }

  /** How many calls are on their way. */
  get outstanding(): number {
    return this.#count;
  }

  /**
   * Calls a script, again and again for five seconds where Redis cannot be reached.
   *
   * @throws Unavailable when Redis cannot be reached, or too much is on its way already
   */
  async call(call: Call): Promise<unknown> {
    this.#take(call.bytes);
    const since = performance.now();
    try {
      const { line } = this.#link;
      // Not in the loop: this is the way that every message takes.
      if (line) return await this.#send(line, call, undefined);
      return await this.#repeat(call, since, undefined);
    } catch (error) {
      if (error instanceof Unavailable || !isPassing(error)) throw error;
      return await this.#repeat(call, since, error);
    } finally {
      this.#give(call.bytes);
    }
  }

  /**
   * Sends one command, and does not repeat it.
   *
   * @throws Unavailable when Redis does not answer it, or too much is on its way already
   */
  async once(command: readonly string[], bytes: number): Promise<unknown> {
    this.#take(bytes);
    try {
      const line = this.#link.line ?? (await this.#link.wait(CALL_MS));
      return await line.client.sendCommand(command);
    } catch (error) {
      throw error instanceof Unavailable ? error : new Unavailable(error);
    } finally {
      this.#give(bytes);
    }
  }

  /**
   * Counts on in a bucket, and asks where topics of it are.
   *
   * @returns the time by Redis's clock, then epoch and offset of each topic
   */
  async beat(bucket: number, idleMs: number, topics: readonly string[]): Promise<unknown[]> {
    const args = () => [String(idleMs), ...topics];
    const line = await this.#link.wait(CALL_MS);
    const reply = await this.#send(line, { script: BEAT, bucket, args, bytes: 0 }, undefined);
    const [heartbeat, ...rest] = reply as [number, ...unknown[]];
    this.#buckets.acknowledge(bucket, heartbeat);
    return rest;
  }

  #take(bytes: number): void {
    if (this.#count >= MOST_CALLS || this.#bytes + bytes > MOST_BYTES) {
      const most = `${MOST_CALLS} calls or ${MOST_BYTES} bytes`;
      throw new Unavailable(new Error(`expected at most ${most} on their way to Redis`));
    }
    this.#count++;
    this.#bytes += bytes;
  }

  #give(bytes: number): void {
    this.#count--;
    this.#bytes -= bytes;
  }

  async #repeat(call: Call, since: number, first: unknown): Promise<unknown> {
    let last = first;
    for (;;) {
      const left = since + CALL_MS - performance.now();
      if (left <= 0) throw new Unavailable(last);
      const line = await this.#link.wait(left);
      try {
        const sinceMs = last === undefined ? undefined : Math.ceil(performance.now() - since);
        return await this.#send(line, call, sinceMs);
      } catch (error) {
        if (!isPassing(error)) throw error;
        last = error;
        await pause(RETRY_MS);
      }
    }
  }

  async #send(line: Line, call: Call, sinceMs: number | undefined): Promise<unknown> {
    const { script, bucket } = call;
    const args = [
      "1",
      this.#buckets.tag(bucket),
      line.run,
      line.durable ? "1" : "0",
      String(this.#buckets.acknowledged(bucket)),
      randomBytes(FRESH_BYTES).toString("base64url"),
      this.#now ? String(this.#now()) : "",
      ...call.args(sinceMs),
    ];
    try {
      return await line.client.sendCommand(["EVALSHA", script.sha, ...args]);
    } catch (error) {
      if (!isReply(error)) throw error;
      if (error.message.startsWith("NOSCRIPT")) {
        return await line.client.sendCommand(["EVAL", script.source, ...args]);
      }
      // Its server has become a replica: the master is elsewhere, behind the same address.
      if (/READONLY/.test(error.message)) line.close();
      throw error;
    }
  }
}

// What is not an answer of Redis is the connection's: it has broken, or is gone already.
function isPassing(error: unknown): boolean {
  if (!isReply(error)) return !(error instanceof TypeError);
  return PASSING.test(error.message) || PASSING_INSIDE.test(error.message);
}
