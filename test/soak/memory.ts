// Loaded into the server's process of a soak: tells its memory over the channel to soak.ts, after
// a collection, so that the heap is what is held and not what has not been swept yet.

const EVERY_MS = 2_000;

/** What the process holds, in bytes. */
export interface Memory {
  readonly rss: number;
  readonly heap: number;
}

setInterval(() => {
  globalThis.gc?.();
  const { rss, heapUsed: heap } = process.memoryUsage();
  process.send?.({ rss, heap } satisfies Memory);
}, EVERY_MS).unref();
// What soak.ts does not say must not hold the process.
process.channel?.unref();
// Nor may it outlive soak.ts, however that ends.
process.once("disconnect", () => process.exit());
