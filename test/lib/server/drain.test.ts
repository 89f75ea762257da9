import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { App, createLog, readConfig, serve, Upgrades } from "koa-subapps";
import { within } from "../../support/within.ts";

const quiet = { port: 0, log: createLog({ level: "silent" }) };

/** What GRACE_SECONDS may be. */
const seconds = fc
  .tuple(fc.integer({ min: 0, max: 3_599 }), fc.integer({ min: 0, max: 999 }), fc.nat(3))
  .map(([whole, thousandths, digits]) => (whole + thousandths / 1_000).toFixed(digits));

describe("a grace period", () => {
  test("of any accepted value drains", async () => {
    await fc.assert(
      fc.asyncProperty(seconds, async (text) => {
        const { graceSeconds } = readConfig({ GRACE_SECONDS: text });
        // Handlers get four fifths of it.
        const left = new Upgrades().drain({ graceMs: graceSeconds * 1_000 * 0.8 });
        assert.deepEqual(await within(left, `the end of ${text}`), []);
      }),
      { examples: [["1.234"], ["0"], ["0.001"], ["3600"]] },
    );
  });

  test("of a fraction, or longer than a timer can wait, ends a server", async () => {
    for (const graceSeconds of [1.234, 0.0001, 4_000_000, Number.POSITIVE_INFINITY]) {
      const serving = await serve(new App(), { ...quiet, graceSeconds });
      await within(serving.close(), `the end of ${graceSeconds}`);
    }
  });
});
