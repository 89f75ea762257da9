import assert from "node:assert/strict";
import { test } from "node:test";
import { assertSendable, CloseError, clipReason, closeCodes } from "../../lib/close-codes.ts";

test("a reason is clipped to 123 UTF-8 bytes and never inside a character", () => {
  for (const character of ["a", "ü", "€", "😀"]) {
    const clipped = clipReason(character.repeat(200));
    const bytes = Buffer.byteLength(clipped);
    assert.ok(bytes <= 123 && bytes > 123 - Buffer.byteLength(character));
    assert.equal(clipped, character.repeat(clipped.length / character.length));
  }
  assert.equal(clipReason("short"), "short");
});

test("the table says of every code whether a client comes back", () => {
  const comeBack = Object.entries(closeCodes).filter(([, row]) => row.comeBack);
  assert.deepEqual(
    comeBack.map(([code]) => Number(code)),
    [1001, 1005, 1006, 1011, 1012, 1013, 1014, 1015],
  );
});

test("the page comes back after the codes of the table that say so, and after no other", async () => {
  const module = new URL("../../public/page/close-codes.js", import.meta.url).href;
  const { shouldReturn } = (await import(module)) as { shouldReturn: (code: number) => boolean };
  const registered = Array.from({ length: 16 }, (_, index) => 1000 + index);
  for (const code of [...registered, 3000, 3003, 3999, 4000, 4001, 4999]) {
    assert.equal(shouldReturn(code), closeCodes[code]?.comeBack ?? false, `${code}`);
  }
});

test("codes that never appear on the wire cannot be sent", () => {
  for (const code of [1000, 1001, 1012, 1014, 3000, 4999]) assertSendable(code);
  for (const code of [1004, 1005, 1006, 1015, 2000, 5000, Number.NaN]) {
    assert.throws(() => assertSendable(code), /expected a close code/);
    assert.throws(() => new CloseError(code), RangeError);
  }
});
