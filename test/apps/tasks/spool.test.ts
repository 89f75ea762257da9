import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { inputOf, Spool } from "../../../apps/tasks/spool.ts";
import { ownFolder } from "./support/folder.ts";

const folder = ownFolder();

async function contentOf(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

function body(...lengths: number[]): Readable {
  return Readable.from(lengths.map((length, i) => Buffer.alloc(length, i + 1)));
}

describe("a spool", () => {
  for (const lengths of [[], [0], [1], [65_536], [65_535, 1]]) {
    test(`keeps ${lengths.join(" + ") || "no"} bytes in memory`, async () => {
      const spool = await Spool.open();
      const spooled = await spool.write(body(...lengths));
      assert.ok("content" in spooled);
      assert.equal(folder.held(), 0);
      const expected = await contentOf(body(...lengths));
      assert.deepEqual(await contentOf(inputOf(spooled).stream()), expected);
      assert.equal(spooled.bytes, expected.length);
      await spool.close();
    });
  }

  for (const lengths of [[65_537], [65_536, 1], [1, 65_536, 7], [100_000, 200_000, 3]]) {
    test(`keeps ${lengths.join(" + ")} bytes in a file, until it is removed`, async () => {
      const spool = await Spool.open();
      const spooled = await spool.write(body(...lengths));
      assert.ok("file" in spooled);
      assert.equal(folder.held(), 1);
      const expected = await contentOf(body(...lengths));
      assert.deepEqual(await contentOf(inputOf(spooled).stream()), expected);
      assert.equal(spooled.bytes, expected.length);
      await spool.remove(spooled);
      await spool.remove(spooled);
      assert.equal(folder.held(), 0);
      await spool.close();
    });
  }

  for (const before of [10, 100_000]) {
    test(`leaves nothing of a body that breaks off after ${before} bytes`, async () => {
      const spool = await Spool.open();
      const broken = Readable.from(
        (async function* () {
          yield Buffer.alloc(before);
          yield Buffer.alloc(before);
          throw new Error("the client left");
        })(),
      );
      await assert.rejects(spool.write(broken), /the client left/);
      assert.equal(folder.held(), 0);
      assert.equal(spool.bytes, 0);
      await spool.close();
    });
  }

  test("is one of several that open at once", async () => {
    const spools = await Promise.all(Array.from({ length: 20 }, () => Spool.open()));
    for (const spool of spools) await spool.write(body(70_000));
    assert.equal(folder.held(), 20);
    await Promise.all(spools.map((spool) => spool.close()));
    assert.equal(folder.held(), 0);
  });
});
