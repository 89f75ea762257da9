// Autobahn's group 9: long messages, many fragments, many segments, many round trips.

import {
  BINARY,
  type Case,
  chopped,
  echoed,
  fragmented,
  frame,
  type Script,
  type Step,
  TEXT,
} from "./case.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const SIZES = [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB];
const FRAGMENTS = [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB];
const CHOPS = [64, 128, 256, 512, 1_024, 2_048];
const TRIPS = [0, 16, 64, 256, 1_024, 4_096];

/** Of a group: what is sent in a case of it, and what of it is less in the short form. */
export interface Extent {
  /** Bytes of a message in segments. */
  readonly choppedBytes: number;
  /** Round trips of a case. */
  readonly trips: number;
}

/** As Autobahn has it. */
export const WHOLE: Extent = { choppedBytes: MIB, trips: 1_000 };
export const SHORT: Extent = { choppedBytes: 256 * KIB, trips: 100 };

const KINDS = [
  { opcode: TEXT, what: "text", fill: "BAsd7&jh23" },
  { opcode: BINARY, what: "binary", fill: Buffer.from("00fe23faf0", "hex") },
];

function long(id: string, what: string, script: () => Script): Case {
  return { id, what, script, closedBy: "client", codes: [1000], isClean: true };
}

/** One message in any number of steps, which is echoed. */
function once(
  id: string,
  what: string,
  opcode: number,
  payload: () => Buffer,
  send: (payload: Buffer) => readonly Step[],
): Case {
  return long(id, what, () => {
    const sent = payload();
    return { sends: send(sent), ok: [echoed(sent, opcode)] };
  });
}

/** Of one kind of message each: 9.1 and 9.2, 9.3 and 9.4, 9.5 and 9.6. */
export function long9({ choppedBytes }: Extent): Case[] {
  return KINDS.flatMap(({ opcode, what, fill }, kind) => [
    ...SIZES.map((size, n) =>
      once(
        `9.${1 + kind}.${n + 1}`,
        `a ${what} message of ${size} bytes`,
        opcode,
        () => Buffer.alloc(size, fill),
        (payload) => [frame(opcode, payload)],
      ),
    ),
    ...FRAGMENTS.map((size, n) =>
      once(
        `9.${3 + kind}.${n + 1}`,
        `a ${what} message of 4 MiB in fragments of ${size} bytes`,
        opcode,
        () => Buffer.alloc(4 * MIB, "*"),
        (payload) => [fragmented(opcode, payload, size)],
      ),
    ),
    ...CHOPS.map((size, n) =>
      once(
        `9.${5 + kind}.${n + 1}`,
        `a ${what} message of ${choppedBytes} bytes in segments of ${size}`,
        opcode,
        () => Buffer.alloc(choppedBytes, fill),
        (payload) => chopped(size, frame(opcode, payload)),
      ),
    ),
  ]);
}

/** 9.7 and 9.8. */
export function trips9({ trips }: Extent): Case[] {
  return KINDS.flatMap(({ opcode, what, fill }, kind) =>
    TRIPS.map((size, n) =>
      long(
        `9.${7 + kind}.${n + 1}`,
        `${trips} ${what} messages of ${size} bytes, one by one`,
        () => {
          const payload = Buffer.alloc(size, fill);
          const sent = frame(opcode, payload);
          const sends = Array.from({ length: trips }, (_, m) => [sent, { awaits: m + 1 }]).flat();
          return { sends, ok: Array.from({ length: trips }, () => echoed(payload, opcode)) };
        },
      ),
    ),
  );
}
