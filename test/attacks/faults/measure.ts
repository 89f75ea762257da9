import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

export const MIB = 1024 * 1024;
/** How long anything may take: the machine may be busy with something else. */
export const WAIT_MS = 60_000;

/** Bytes, to be read. */
export function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

/** Milliseconds, to be read. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** Waits until something comes true. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + WAIT_MS;
  while (!condition()) {
    assert.ok(performance.now() < deadline, `expected ${what} within ${WAIT_MS} ms`);
    await sleep(10);
  }
}
