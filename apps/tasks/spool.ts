import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { close, createWriteStream, open, read } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import type { Input } from "./kind.ts";

/**
 * An input that waits for its task: a small input is in memory, a longer one in a file without a
 * name. `file` is its descriptor, which is valid in all threads of this process.
 */
export type Spooled =
  | { readonly bytes: number; readonly content: Uint8Array }
  | { readonly bytes: number; readonly file: number };

/** {@link Spool.write} throws this when all inputs together would exceed the bound. */
export class SpoolFull extends Error {
  override readonly name = "SpoolFull";
}

/** Inputs up to this length stay in memory: a file would cost more than it saves. */
const IN_MEMORY_BYTES = 64 * 1024;
/** The chunk size of Node's own file streams. */
const CHUNK_BYTES = 64 * 1024;
const PREFIX = "koa-subapps-tasks-";

const openFile = promisify(open);
const closeFile = promisify(close);
const readFile = promisify(read);

/**
 * The inputs of one app, both uploading and waiting, bounded in bytes.
 *
 * A file loses its name as soon as it is open. So a cleaner of temporary files, or another process
 * that shares the folder, cannot delete it, and the system frees it when this process ends in any
 * way.
 */
export class Spool {
  readonly #maxBytes: number;
  readonly #held = new Set<Spooled>();
  #bytes = 0;

  private constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @param options `maxBytes`: the bound on all inputs together; default none */
  static async open(options: { maxBytes?: number } = {}): Promise<Spool> {
    return new Spool(options.maxBytes ?? Number.POSITIVE_INFINITY);
  }

  /** How many bytes are held, with those that running uploads have announced. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Removes all inputs. */
  async close(): Promise<void> {
    await Promise.all([...this.#held].map((spooled) => this.remove(spooled)));
  }

  /**
   * Stores the body of a request. The caller has bounded its length.
   *
   * @param announced the body's length in bytes, or its bound; the room is reserved at once
   * @throws SpoolFull
   */
  async write(body: Readable, announced = 0): Promise<Spooled> {
    if (this.#bytes + announced > this.#maxBytes) {
      throw new SpoolFull(`expected room for ${announced} bytes, but ${this.#bytes} are held`);
    }
    this.#bytes += announced;
    try {
      const spooled = await take(body);
      this.#bytes += spooled.bytes;
      this.#held.add(spooled);
      return spooled;
    } finally {
      this.#bytes -= announced;
    }
  }

  /** Removes an input that is no longer needed. */
  async remove(spooled: Spooled): Promise<void> {
    if (!this.#held.delete(spooled)) return;
    this.#bytes -= spooled.bytes;
    if ("file" in spooled) await closeFile(spooled.file);
  }
}

/** The input for a worker. */
export function inputOf(spooled: Spooled): Input {
  return {
    bytes: spooled.bytes,
    stream: () => ("file" in spooled ? chunksIn(spooled.file) : chunksOf(spooled.content)),
  };
}

async function* chunksOf(content: Uint8Array): AsyncGenerator<Buffer> {
  yield Buffer.from(content);
}

// Not a Node stream, which would close the spool's descriptor when `run` stops reading early.
async function* chunksIn(file: number): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    const { bytesRead } = await readFile(file, buffer, 0, CHUNK_BYTES, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function take(body: Readable): Promise<Spooled> {
  const head: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body.iterator({ destroyOnReturn: false })) {
    head.push(chunk);
    bytes += chunk.length;
    if (bytes > IN_MEMORY_BYTES) return takeIntoFile(Buffer.concat(head), body);
  }
  return { bytes, content: Buffer.concat(head) };
}

// Piped: a JavaScript step for every chunk would slow other connections.
async function takeIntoFile(head: Buffer, rest: Readable): Promise<Spooled> {
  const { output, file } = await namelessFile();
  output.write(head);
  try {
    await pipeline(rest, output);
  } catch (error) {
    await Promise.all([closeFile(file), closed(output)]);
    throw error;
  }
  return { bytes: output.bytesWritten, file };
}

function closed(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once("close", resolve);
  });
}

// Opened twice: the stream closes its own descriptor after the last write, and the other one stays.
async function namelessFile() {
  // A cleaner may have deleted the folder itself.
  await mkdir(tmpdir(), { recursive: true });
  const path = join(tmpdir(), PREFIX + randomUUID());
  const output = createWriteStream(path, { flags: "wx", mode: 0o600 });
  await once(output, "open");
  try {
    return { output, file: await openFile(path, "r") };
  } catch (error) {
    output.destroy();
    throw error;
  } finally {
    await rm(path, { force: true });
  }
}
