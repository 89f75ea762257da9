import assert from "node:assert/strict";
import { test } from "node:test";
import { Child } from "./child.ts";
import { mib } from "./measure.ts";
import type { Holdings } from "./rounds-server.ts";

test("1,000 connections, opened and closed ten times, leave nothing behind", async (t) => {
  const crowd = { echoes: 500, rooms: 100, members: 5 };
  await using server = new Child("rounds-server.ts", ["--expose-gc"]);
  await using clients = new Child("crowd.ts");
  const url = await server.ask<string>("start");
  const round = async (how: "close" | "abort") => {
    assert.equal(await clients.ask("open", { ...crowd, url }), 1_000);
    await clients.ask("converse", crowd);
    await clients.ask("leave", { how });
    return server.ask<Holdings>("holdings");
  };
  // The first rounds fill caches and compile.
  for (let n = 0; n < 2; n++) await round("abort");
  const before = await round("close");
  const heaps: number[] = [];
  for (let n = 0; n < 10; n++) {
    const { heap, counts } = await round(n % 2 ? "abort" : "close");
    assert.deepEqual(counts, before.counts, `after round ${n + 1}`);
    heaps.push(heap);
  }
  const grown = Math.min(...heaps.slice(-3)) - before.heap;
  // A leak of 100 bytes for each of the 10,000 connections would be 1 MB.
  assert.ok(grown < 10_000 * 100, `the heap has grown by ${grown} bytes: ${heaps}`);
  t.diagnostic(
    `heap ${mib(before.heap)} before, ${mib(heaps.at(-1) ?? 0)} after 10,000 connections ` +
      `(${(grown / 10_000).toFixed(0)} bytes for each); unchanged: ${JSON.stringify(before.counts)}`,
  );
});
