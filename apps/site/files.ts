import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

/** The content codings (RFC 9110 section 8.4.1), the one with the smallest bodies first. */
export const ENCODINGS = ["br", "gzip", "identity"] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** Files that compression makes smaller. Other formats are compressed already. */
const COMPRESSIBLE = new Set([".css", ".html", ".js", ".json", ".svg", ".txt", ".webmanifest"]);

/** 9 of 11. The last two levels take fifteen times as long, and save seven per cent. */
const BROTLI_QUALITY = 9;

/** The range of brotli's window, as powers of two (RFC 7932 section 9.1). */
const BROTLI_WINDOW = [10, 22] as const;

/** Names without a dot at either end, or two dots together: such a path never leads upward. */
const PATH = /^(?:\/[\w-]+(?:\.[\w-]+)*)+$/;

const encoders: Record<Exclude<Encoding, "identity">, (bytes: Buffer) => Promise<Buffer>> = {
  br: (bytes) =>
    promisify(brotliCompress)(bytes, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
        [constants.BROTLI_PARAM_LGWIN]: windowFor(bytes.length),
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    }),
  gzip: (bytes) => promisify(gzip)(bytes, { level: constants.Z_BEST_COMPRESSION }),
};

/** The content of a file when it was read. */
export class File {
  readonly extension: string;
  readonly #bytes: Buffer;
  readonly #hash: string;
  readonly #encoded = new Map<Encoding, Promise<Buffer>>();

  /**
   * @param extension the extension with its dot; decides whether the file is compressed
   * @param bytes the file's content
   */
  constructor(extension: string, bytes: Buffer) {
    this.extension = extension;
    this.#bytes = bytes;
    this.#hash = createHash("sha256").update(bytes).digest("base64url");
    this.#encoded.set("identity", Promise.resolve(bytes));
  }

  /** Whether the body depends on the encodings that the client accepts. */
  get varies(): boolean {
    return COMPRESSIBLE.has(this.extension);
  }

  /**
   * A strong validator (RFC 9110 section 8.8.3), by content: npm gives every version of a file the same
   * date. Each encoding has its own, because their bytes differ.
   */
  etag(encoding: Encoding): string {
    return encoding === "identity" ? this.#hash : `${this.#hash}-${encoding}`;
  }

  /** The file's bytes in an encoding; compressed only once. */
  body(encoding: Encoding): Promise<Buffer> {
    const known = this.#encoded.get(encoding);
    if (known !== undefined) return known;
    const made = encoders[encoding as keyof typeof encoders](this.#bytes);
    this.#encoded.set(encoding, made);
    return made;
  }
}

interface Kept {
  readonly mark: string;
  readonly file: File;
}

/**
 * The files of a folder. Keeps each requested file in memory, and reads it again when it has
 * changed. Names are letters, digits, `_`, `-` and single dots between them; files with other
 * names, such as hidden files, are not served.
 */
export class Files {
  readonly #folder: string;
  readonly #others: ReadonlyMap<string, string>;
  readonly #kept = new Map<string, Kept>();

  /**
   * @param folder the folder of the files
   * @param others files from elsewhere, by the path under which they are served
   */
  constructor(folder: string, others: ReadonlyMap<string, string> = new Map()) {
    this.#folder = folder;
    this.#others = others;
  }

  /**
   * @param path the path of the request, not decoded, without the query; `/` stands for
   *   `/index.html`
   * @returns undefined when there is no such file
   */
  async get(path: string): Promise<File | undefined> {
    const place = this.#placeOf(path === "/" ? "/index.html" : path);
    const mark = place === undefined ? undefined : await markOf(place);
    if (place === undefined || mark === undefined) return undefined;
    const kept = this.#kept.get(place);
    if (kept?.mark === mark) return kept.file;
    const file = new File(extname(place), await readFile(place));
    this.#kept.set(place, { mark, file });
    return file;
  }

  #placeOf(path: string): string | undefined {
    return this.#others.get(path) ?? (PATH.test(path) ? join(this.#folder, path) : undefined);
  }
}

// No larger than the file: clearing 4 MiB took a hundred times as long as the compression.
function windowFor(length: number): number {
  const [least, most] = BROTLI_WINDOW;
  return Math.min(Math.max(Math.ceil(Math.log2(length + 1)), least), most);
}

// A new version may have the same date and size as the old one; `ctime` cannot be set.
async function markOf(place: string): Promise<string | undefined> {
  try {
    const about = await stat(place);
    return about.isFile() ? `${about.ino} ${about.ctimeMs} ${about.size}` : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ENAMETOOLONG") return undefined;
    throw error;
  }
}
