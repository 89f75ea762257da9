import type { Sample, ServerProcess } from "./server.ts";
import type { Tally } from "./tally.ts";

const MIB = 1024 * 1024;

/** What came out of a soak. */
export interface Result {
  readonly minutes: number;
  readonly tally: Tally;
  /** Whether the clients came to their end by themselves. */
  readonly settled: boolean;
  readonly server: ServerProcess;
}

/** The table at the end of a soak. */
export function rows({ tally, server }: Result): [name: string, value: string][] {
  const { samples } = server;
  const last = samples.at(-1);
  const surprises = Object.entries(tally.unexpected).map(([what, count]) => `${what} ×${count}`);
  const counts: [string, number][] = [
    ["connections", tally.connections],
    ["ended by the client", tally.clientEnds],
    ["closed for a violation, expected", tally.provokedCloses],
    ["slow readers cut off", tally.cutOff],
    ["handshakes refused, expected", tally.refusals],
    ["HTTP requests", tally.requests],
    ["messages sent", tally.sent],
    ["messages received", tally.received],
    ["acknowledged", tally.acknowledged],
    ["returns that missed nothing", tally.recoveries],
    ["returns told that history is gone", tally.unrecovered],
    ["losses", tally.losses],
    ["duplicates", tally.duplicates],
    ["reorderings", tally.reorderings],
  ];
  return [
    ...counts.map(([name, count]): [string, string] => [name, count.toLocaleString("en")]),
    ["unexpected closes and answers", surprises.join(", ") || "0"],
    ["server errors and warnings", String(server.complaints.length)],
    ["server exit codes", server.exits.join(", ")],
    ["memory at the end, MiB", last ? `RSS ${mib(last.rss)}, heap ${mib(last.heap)}` : "unknown"],
    ["slope over the second half, MiB/min", slopes(samples)],
  ];
}

/** What is wrong with a soak; nothing when it passed. */
export function verdict({ tally, settled, server }: Result): string[] {
  const wrong: [boolean, string][] = [
    [!settled, "the clients did not settle"],
    [tally.losses > 0, "losses"],
    [tally.duplicates > 0, "duplicates"],
    [tally.reorderings > 0, "reorderings"],
    [tally.surprises > 0, "unexpected closes or answers"],
    [server.complaints.length > 0, "server errors"],
    [server.exits.some((code) => code !== 0), "an exit code other than 0"],
    [tally.acknowledged === 0, "nothing was acknowledged"],
  ];
  return wrong.filter(([is]) => is).map(([, what]) => what);
}

function slopes(samples: readonly Sample[]): string {
  const end = samples.at(-1)?.minute ?? 0;
  const half = samples.filter(({ minute }) => minute >= end / 2);
  const of = (key: "rss" | "heap") => slope(half.map((each) => [each.minute, each[key] / MIB]));
  return `RSS ${of("rss")}, heap ${of("heap")}`;
}

// The least squares line through the points.
function slope(points: readonly (readonly [x: number, y: number])[]): string {
  if (points.length < 2) return "unknown";
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  const over = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const under = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return (over / under).toFixed(2);
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}
