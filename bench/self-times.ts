import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Profiler } from "node:inspector";
import { SourceMap, type SourceMapPayload } from "node:module";
import { relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

type CallFrame = Profiler.ProfileNode["callFrame"];

/** Waiting for something to do costs nothing. */
const IDLE = "(idle)";

/**
 * The functions in which a profile's time was spent, those they called not included.
 *
 * @param file a .cpuprofile
 * @param lines how many functions
 * @returns a table: percent of the time that was not idle, milliseconds, name, place
 */
export async function selfTimes(file: string, lines: number): Promise<string> {
  const profile: Profiler.Profile = JSON.parse(await readFile(file, "utf8"));
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const times = new Map<string, { frame: CallFrame; us: number }>();
  let total = 0;
  for (const [at, id] of (profile.samples ?? []).entries()) {
    const frame = frames.get(id);
    const us = profile.timeDeltas?.[at] ?? 0;
    if (!frame || frame.functionName === IDLE) continue;
    total += us;
    const key = `${frame.functionName} ${frame.url} ${frame.lineNumber}`;
    const time = times.get(key);
    if (time) time.us += us;
    else times.set(key, { frame, us });
  }
  const top = [...times.values()].sort((a, b) => b.us - a.us).slice(0, lines);
  const rows = top.map(async ({ frame, us }) =>
    [
      `${((us / total) * 100).toFixed(1)} %`.padStart(7),
      `${(us / 1000).toFixed(1)} ms`.padStart(11),
      (frame.functionName || "(anonymous)").padEnd(32),
      await placeOf(frame),
    ].join("  "),
  );
  return `${(await Promise.all(rows)).join("\n")}\n`;
}

// A compiled file's place is that of its source.
async function placeOf({ url, lineNumber, columnNumber }: CallFrame): Promise<string> {
  if (!url.startsWith("file:")) return url ? `${url}:${lineNumber + 1}` : "";
  const path = fileURLToPath(url);
  const map = `${path}.map`;
  if (!existsSync(map)) return `${relative(process.cwd(), path)}:${lineNumber + 1}`;
  const payload: SourceMapPayload = JSON.parse(await readFile(map, "utf8"));
  const entry = new SourceMap(payload).findEntry(lineNumber, columnNumber);
  if (!("originalLine" in entry)) return `${relative(process.cwd(), path)}:${lineNumber + 1}`;
  const source = fileURLToPath(new URL(entry.originalSource, url));
  return `${relative(process.cwd(), source)}:${entry.originalLine + 1}`;
}
