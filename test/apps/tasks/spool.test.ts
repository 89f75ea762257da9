import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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
      assert.equal(folder.left().length, 1);
      const expected = await contentOf(body(...lengths));
      assert.deepEqual(await contentOf(inputOf(spooled).stream()), expected);
      assert.equal(spooled.bytes, expected.length);
      await spool.close();
      assert.deepEqual(folder.left(), []);
    });
  }

  for (const lengths of [[65_537], [65_536, 1], [1, 65_536, 7], [100_000, 200_000, 3]]) {
    test(`keeps ${lengths.join(" + ")} bytes in a file, until it is removed`, async () => {
      const spool = await Spool.open();
      const spooled = await spool.write(body(...lengths));
      assert.ok("file" in spooled);
      assert.equal(folder.left().length, 2);
      const expected = await contentOf(body(...lengths));
      assert.deepEqual(await contentOf(inputOf(spooled).stream()), expected);
      assert.equal(spooled.bytes, expected.length);
      await spool.remove(spooled);
      await spool.remove(spooled);
      assert.equal(folder.left().length, 1);
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
      assert.equal(folder.left().length, 1);
      await spool.close();
    });
  }

  test("removes what dead processes left, and nothing else", async () => {
    const dead = spawnSync(process.execPath, ["--version"]).pid;
    const others = await Spool.open();
    const names = [`${dead}-a`, `${process.pid}-of-an-earlier-life`, "not-a-number-b", "1-c"];
    for (const name of names) {
      mkdirSync(join(folder.path, `koa-subapps-tasks-${name}`));
      writeFileSync(join(folder.path, `koa-subapps-tasks-${name}`, "input"), "");
    }
    writeFileSync(join(folder.path, `koa-subapps-${dead}-a`), "");
    const spooled = await others.write(body(70_000));
    const spool = await Spool.open();
    const left = folder.left().join(" ");
    assert.doesNotMatch(left, new RegExp(`tasks-${dead}-a|earlier-life`));
    assert.match(left, /not-a-number-b\/input/);
    assert.match(left, /tasks-1-c\/input/);
    assert.equal((await contentOf(inputOf(spooled).stream())).length, 70_000);
    await spool.close();
    await others.close();
  });

  test("is one of several that open at once", async () => {
    const spools = await Promise.all(Array.from({ length: 20 }, () => Spool.open()));
    for (const spool of spools) await spool.write(body(70_000));
    await Promise.all(spools.map((spool) => spool.close()));
  });
});
