import type { Arrived } from "./ahead.ts";
import type { Snapshot } from "./snapshot.ts";

const SIGNAL = "s";

/** Reads `<offset> <floor> <at> <age> <epoch> <data>`, which the publish script writes. */
export function publicationIn(message: string): Arrived {
  const heads: string[] = [];
  let from = 0;
  for (let i = 0; i < 5; i++) {
    const to = message.indexOf(" ", from);
    heads.push(message.slice(from, to));
    from = to + 1;
  }
  const [offset, floor, at, age, epoch = ""] = heads;
  const expiresAt = Number(at) + Number(age);
  const entry = { offset: Number(offset), data: message.slice(from), at: Number(at), expiresAt };
  return { epoch, entry, floor: Number(floor) };
}

/** Writes a passing message: `s<node> <data>`. */
export function signalOf(node: string, data: string): string {
  return `${SIGNAL}${node} ${data}`;
}

/** Reads a passing message; undefined for a publication, which begins with a digit. */
export function signalIn(message: string): { node: string; data: string } | undefined {
  if (!message.startsWith(SIGNAL)) return undefined;
  const space = message.indexOf(" ");
  return { node: message.slice(SIGNAL.length, space), data: message.slice(space + 1) };
}

/** Reads what the script for reading answers. */
export function snapshotOf(reply: unknown): Snapshot {
  const [epoch, offset, floor, age, rows] = reply as [
    string,
    number,
    number,
    number,
    [id: string, fields: string[]][],
  ];
  const entries = rows.map(([id, [, data = "", , at]]) => ({
    offset: Number.parseInt(id, 10),
    data,
    at: Number(at),
    expiresAt: Number(at) + age,
  }));
  return { epoch, offset, floor, entries };
}
