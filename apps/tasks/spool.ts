import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
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
const OURS = new RegExp(`^${PREFIX}(\\d+)-`);

/** The directories in use by this process. */
const inUse = new Set<string>();

/** The temporary files of one app, in a directory of their own. */
export class Spool {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Makes the directory, and removes those of processes that did not get to it. */
  static async open(): Promise<Spool> {
    await mkdir(tmpdir(), { recursive: true });
    await removeLeftovers();
    const directory = join(tmpdir(), `${PREFIX}${process.pid}-${randomUUID()}`);
    // Before it is there: another app of this process may be looking for leftovers.
    inUse.add(directory);
    await mkdir(directory, { mode: 0o700 });
    return new Spool(directory);
  }

  /** Removes the directory with all that is in it. */
  async close(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
    inUse.delete(this.#directory);
  }

  /** Takes in the body of a request; its length is bounded before it comes here. */
  async write(body: Readable): Promise<Spooled> {
    const head: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body.iterator({ destroyOnReturn: false })) {
      head.push(chunk);
      bytes += chunk.length;
      if (bytes > IN_MEMORY_BYTES) return this.#writeFile(Buffer.concat(head), body);
    }
    return { bytes, content: Buffer.concat(head) };
  }

  /** Removes an input that is no longer needed. */
  async remove(spooled: Spooled): Promise<void> {
    if ("file" in spooled) await rm(spooled.file, { force: true });
  }

  // Piped: a step of ours for every chunk would cost the connections beside it.
  async #writeFile(head: Buffer, rest: Readable): Promise<Spooled> {
    const file = join(this.#directory, randomUUID());
    const output = createWriteStream(file);
    output.write(head);
    try {
      await pipeline(rest, output);
    } catch (error) {
      await rm(file, { force: true });
      throw error;
    }
    return { bytes: output.bytesWritten, file };
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
  for (const name of await readdir(tmpdir())) {
    const directory = join(tmpdir(), name);
    const pid = Number(OURS.exec(name)?.[1]);
    if (!pid || inUse.has(directory) || isAnother(pid)) continue;
    // One of another user's is that user's to remove.
    await rm(directory, { recursive: true, force: true }).catch(() => {});
  }
}

// In a container every process that runs the app may have the same id, one after the other.
function isAnother(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
