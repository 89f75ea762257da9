import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { inputOf, Spool, SpoolFull } from "../../../apps/tasks/spool.ts";
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

/** Another process with the same folder and the same id, as in another container. */
function sharesFolder(script: string) {
  const module = import.meta.resolve("../../../apps/tasks/spool.ts");
  const begin = `
    Object.defineProperty(process, "pid", { value: ${process.pid} });
    const { Readable } = await import("node:stream");
    const { Spool } = await import("${module}");
  `;
  const args = ["--import", "tsx", "--input-type=module", "--eval", begin + script];
  return spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
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

  test("survives a cleaner of temporary files, one that takes the folder too", async () => {
    const spool = await Spool.open();
    const before = await spool.write(body(70_000));
    assert.ok("file" in before);
    rmSync(folder.path, { recursive: true });
    assert.equal((await contentOf(inputOf(before).stream())).length, 70_000);
    const after = await spool.write(body(80_000));
    assert.equal((await contentOf(inputOf(after).stream())).length, 80_000);
    await spool.close();
    assert.equal(folder.held(), 0);
  });

  test("leaves its files to itself: none has a name that another process could find", async () => {
    const spool = await Spool.open();
    const spooled = await spool.write(body(70_000));
    assert.deepEqual(folder.names(), []);
    const other = sharesFolder(`await Spool.open();`);
    await once(other, "exit");
    assert.equal((await contentOf(inputOf(spooled).stream())).length, 70_000);
    await spool.close();
  });

  test("leaves nothing behind when its process is killed", async () => {
    const other = sharesFolder(`
      const spool = await Spool.open();
      await spool.write(Readable.from([Buffer.alloc(70_000)]));
      void spool.write(Readable.from((async function* () {
        // More than a stream reads ahead: by then the file is being written.
        for (let i = 0; i < 100; i++) yield Buffer.alloc(70_000);
        console.log("held");
        setInterval(() => {}, 1_000);
        await new Promise(() => {});
      })()));
    `);
    other.stderr.pipe(process.stderr);
    await once(other.stdout, "data");
    other.kill("SIGKILL");
    await once(other, "exit");
    assert.deepEqual(folder.names(), []);
  });

  test("that cannot write says so and holds nothing, and goes on when it can again", async () => {
    const spool = await Spool.open({ maxBytes: 100_000 });
    const { TMPDIR } = process.env;
    process.env.TMPDIR = join(folder.path, "no-folder");
    writeFileSync(process.env.TMPDIR, "");
    await assert.rejects(spool.write(body(70_000), 70_000), { code: "EEXIST" });
    process.env.TMPDIR = TMPDIR;
    assert.deepEqual([folder.held(), spool.bytes], [0, 0]);
    await spool.write(body(70_000), 70_000);
    await assert.rejects(spool.write(body(70_000), 70_000), SpoolFull);
    await spool.close();
    assert.deepEqual([folder.held(), spool.bytes], [0, 0]);
  });

  test("is one of several that open at once", async () => {
    const spools = await Promise.all(Array.from({ length: 20 }, () => Spool.open()));
    for (const spool of spools) await spool.write(body(70_000));
    assert.equal(folder.held(), 20);
    await Promise.all(spools.map((spool) => spool.close()));
    assert.equal(folder.held(), 0);
  });
});
