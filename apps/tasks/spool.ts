import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Input } from "./kind.ts";

/** An input that waits for its task: small ones in memory, others in a file. */
export type Spooled =
  | { readonly bytes: number; readonly content: Uint8Array }
  | { readonly bytes: number; readonly file: string };

/** Inputs up to here stay in memory: a file for each would cost more than it saves. */
const IN_MEMORY_BYTES = 64 * 1024;
const PREFIX = "koa-subapps-tasks-";

/** The temporary files of one process, in a directory of their own. */
export class Spool {
  #directory: string | undefined;

  /** Makes the directory, and removes those of processes that did not get to it. */
  async open(): Promise<void> {
    await removeLeftovers();
    this.#directory = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
  }

  /** Removes the directory with all that is in it. */
  async close(): Promise<void> {
    if (this.#directory) await rm(this.#directory, { recursive: true, force: true });
    this.#directory = undefined;
  }

  /** Takes in the body of a request; its length is bounded before it comes here. */
  async write(body: Readable): Promise<Spooled> {
    const head: Buffer[] = [];
    let bytes = 0;
    const rest = body[Symbol.asyncIterator]();
    for (let next = await rest.next(); !next.done; next = await rest.next()) {
      head.push(next.value);
      bytes += next.value.length;
      if (bytes > IN_MEMORY_BYTES) return this.#writeFile(head, rest);
    }
    return { bytes, content: Buffer.concat(head) };
  }

  /** Removes an input that is no longer needed. */
  async remove(spooled: Spooled): Promise<void> {
    if ("file" in spooled) await rm(spooled.file, { force: true });
  }

  async #writeFile(head: Buffer[], rest: AsyncIterator<Buffer>): Promise<Spooled> {
    const file = join(this.#directory ?? "", randomUUID());
    let bytes = 0;
    async function* all(): AsyncGenerator<Buffer> {
      for (const chunk of head.splice(0)) yield chunk;
      for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
    }
    try {
      await pipeline(
        all(),
        async function* count(chunks: AsyncIterable<Buffer>) {
          for await (const chunk of chunks) {
            bytes += chunk.length;
            yield chunk;
          }
        },
        createWriteStream(file),
      );
    } catch (error) {
      await rm(file, { force: true });
      throw error;
    }
    return { bytes, file };
  }
}

/** The input a worker reads. */
export function inputOf(spooled: Spooled): Input {
  return {
    bytes: spooled.bytes,
    stream: () =>
      "file" in spooled ? createReadStream(spooled.file) : chunksOf(Buffer.from(spooled.content)),
  };
}

async function* chunksOf(content: Buffer): AsyncGenerator<Buffer> {
  yield content;
}

// A directory names the process it belongs to; one whose process is gone is a leftover.
async function removeLeftovers(): Promise<void> {
  await mkdir(tmpdir(), { recursive: true });
  for (const name of await readdir(tmpdir())) {
    const [, pid] = name.match(/^koa-subapps-tasks-(\d+)-/) ?? [];
    if (pid && !isRunning(Number(pid)))
      await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
