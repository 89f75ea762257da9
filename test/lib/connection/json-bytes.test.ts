import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { jsonBytes } from "../../../lib/connection/json-bytes.ts";

test("a text is as long as JSON.stringify makes it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const bytes = Buffer.from(text);
      // As it was decoded: a lone surrogate is no character of a text in UTF-8.
      const written = Buffer.byteLength(JSON.stringify(bytes.toString())) - 2;
      assert.equal(jsonBytes(bytes), written);
    }),
    { numRuns: 1_000 },
  );
});

test("every character of one byte is as long as JSON.stringify makes it", () => {
  for (let code = 0; code < 128; code++) {
    const text = String.fromCharCode(code);
    assert.equal(jsonBytes(Buffer.from(text)), JSON.stringify(text).length - 2, `U+${code}`);
  }
});
