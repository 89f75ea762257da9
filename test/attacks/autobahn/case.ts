// What a case of Autobahn's fuzzing client is, and what its report says of an end:
// https://github.com/crossbario/autobahn-testsuite, autobahntestsuite/case/case.py.

import type { RouteOptions } from "koa-subapps";

export const CONTINUATION = 0;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** A message, or a pong, from the server. */
export interface Answer {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** Waits until so many answers have come in all. */
export interface Awaits {
  readonly awaits: number;
}

/** Gives the server time to refuse what it has: Autobahn waits a second. */
export const PAUSE = Symbol("pause");

/** Bytes that are sent as a segment of their own, or a wait. */
export type Step = Buffer | Awaits | typeof PAUSE;

/** What is sent, and what has to come back. Made when it is played: some are many megabytes. */
export interface Script {
  readonly sends: readonly Step[];
  /** What Autobahn reports as OK. */
  readonly ok: readonly Answer[];
  /** What it reports as NON-STRICT. */
  readonly nonStrict?: readonly Answer[];
}

/** A route's options, and those that a bare ws server gets: comparable ones. */
export interface Options {
  readonly ours: RouteOptions<"both">;
  readonly ws: {
    readonly maxPayload: number;
    readonly perMessageDeflate?: boolean;
  };
}

export interface Case {
  /** As Autobahn numbers it. */
  readonly id: string;
  /** What is sent, completes "case 1.1.1, ". */
  readonly what: string;
  readonly script: () => Script;
  /** Who begins the close. Where it is the client, it does so when all answers have come. */
  readonly closedBy: "client" | "server";
  /** Whether the client's close frame is among what the script sends. */
  readonly closesItself?: boolean;
  /** The codes that the server's close frame may have; it may also have none. */
  readonly codes: readonly number[];
  /** Whether the server must send a close frame. */
  readonly isClean: boolean;
  /** So many steps are sent at most until a server that is strict closes. */
  readonly strictSteps?: number;
  /** What Autobahn reports of ours. Default OK. */
  readonly verdict?: Verdict;
}

/** How a case ended. */
export interface Outcome {
  readonly answers: readonly Answer[];
  readonly closedBy: "client" | "server";
  /** Of the server's close frame: 1005 for none in it, undefined for no close frame. */
  readonly code: number | undefined;
  /** How many steps were played until the server closed. */
  readonly steps: number;
}

/** From the best to the worst. */
export const VERDICTS = ["OK", "NON-STRICT", "WRONG CODE", "UNCLEAN", "FAILED"] as const;
export type Verdict = (typeof VERDICTS)[number];

/** What Autobahn's report says of an outcome: the worse of its two columns. */
export function verdictOn(each: Case, script: Script, outcome: Outcome): Verdict {
  const { answers, closedBy, code, steps } = outcome;
  if (closedBy !== each.closedBy) return "FAILED";
  const isStrict = areSame(answers, script.ok) && steps <= (each.strictSteps ?? steps);
  const isKnown = areSame(answers, script.nonStrict ?? script.ok);
  if (!isStrict && !isKnown) return "FAILED";
  if (each.isClean && code === undefined) return "UNCLEAN";
  if (code !== undefined && code !== 1005 && !each.codes.includes(code)) return "WRONG CODE";
  return isStrict ? "OK" : "NON-STRICT";
}

export function areSame(some: readonly Answer[], others: readonly Answer[]): boolean {
  const isSame = (a: Answer, b?: Answer) => a.opcode === b?.opcode && a.payload.equals(b.payload);
  return some.length === others.length && some.every((each, n) => isSame(each, others[n]));
}

/** A case in which the client closes 1000 when it has its answers. */
export function answered(
  id: string,
  what: string,
  sends: readonly Step[],
  ok: readonly Answer[],
): Case {
  const script = () => ({ sends, ok });
  return { id, what, script, closedBy: "client", codes: [1000], isClean: true };
}

/** A case in which the server has to refuse what it gets. */
export function refused(
  id: string,
  what: string,
  code: number,
  sends: readonly Step[],
  before: readonly Answer[] = [],
): Case {
  const script = () => ({ sends, ok: before, nonStrict: [] });
  return { id, what, script, closedBy: "server", codes: [code], isClean: false };
}

export function echoed(payload: string | Buffer, opcode = TEXT): Answer {
  return { opcode, payload: Buffer.from(payload) };
}

export function pong(payload: string | Buffer = ""): Answer {
  return { opcode: PONG, payload: Buffer.from(payload) };
}

/** A text or a list of segments in segments of so many bytes. */
export function chopped(size: number, ...frames: Buffer[]): Buffer[] {
  const all = Buffer.concat(frames);
  const count = Math.ceil(all.length / size);
  return Array.from({ length: count }, (_, n) => all.subarray(n * size, (n + 1) * size));
}

const MASK = [0x37, 0xfa, 0x21, 0x3d];

/** What a frame's head says beside its length. */
export interface Head {
  /** Default true. */
  readonly fin?: boolean;
  /** The reserved bits, RSV1 being 4. Default 0. */
  readonly rsv?: number;
}

/** A masked frame. */
export function frame(opcode: number, payload: string | Buffer = "", head: Head = {}): Buffer {
  const data = Buffer.from(payload);
  const { fin = true, rsv = 0 } = head;
  const length = data.length < 126 ? 0 : data.length < 65_536 ? 2 : 8;
  const whole = Buffer.alloc(2 + length + 4 + data.length);
  whole[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  whole[1] = 0x80 | (length === 0 ? data.length : length === 2 ? 126 : 127);
  if (length === 2) whole.writeUInt16BE(data.length, 2);
  if (length === 8) whole.writeBigUInt64BE(BigInt(data.length), 2);
  whole.set(MASK, 2 + length);
  const from = 2 + length + 4;
  for (let at = 0; at < data.length; at++) {
    whole[from + at] = (data[at] as number) ^ (MASK[at & 3] as number);
  }
  return whole;
}

/** A message in fragments of a payload of so many bytes. */
export function fragmented(opcode: number, payload: string | Buffer, size: number): Buffer {
  const parts = chopped(size, Buffer.from(payload));
  const last = parts.length - 1;
  return Buffer.concat(
    parts.map((part, n) => frame(n === 0 ? opcode : CONTINUATION, part, { fin: n === last })),
  );
}

/** A close frame with a code, which may be one that must not be sent. */
export function closing(code: number, reason: string | Buffer = ""): Buffer {
  const body = Buffer.alloc(2);
  body.writeUInt16BE(code);
  return frame(CLOSE, Buffer.concat([body, Buffer.from(reason)]));
}
