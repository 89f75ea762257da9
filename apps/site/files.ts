import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

/** How a body is encoded on its way: the names of RFC 9110 section 8.4.1, the smallest first. */
export const ENCODINGS = ["br", "gzip", "identity"] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** Files that compression makes smaller; the others are compressed by themselves. */
const COMPRESSIBLE = new Set([".css", ".html", ".js", ".json", ".svg", ".txt", ".webmanifest"]);

/** Of 11. The last two take fifteen times as long, and save seven bytes in a hundred. */
const BROTLI_QUALITY = 9;

/** The range of brotli's window, as powers of two (RFC 7932 section 9.1, as zlib.h has it). */
const BROTLI_WINDOW = [10, 22] as const;

/** Names without a dot at either end or two beside each other: no path of them leads upward. */
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

/** One file as it was when it was read. */
export class File {
  readonly extension: string;
  readonly #bytes: Buffer;
  readonly #hash: string;
  readonly #encoded = new Map<Encoding, Promise<Buffer>>();

  /**
   * @param extension with its dot; says whether compression is worth while
   * @param bytes what is in it
   */
  constructor(extension: string, bytes: Buffer) {
    this.extension = extension;
    this.#bytes = bytes;
    this.#hash = createHash("sha256").update(bytes).digest("base64url");
    this.#encoded.set("identity", Promise.resolve(bytes));
  }

  /** Whether what is sent depends on what the client accepts. */
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

  /** Its bytes in that encoding, compressed once. */
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
 * The files of a folder, kept in memory as they are asked for, and read again once they have changed.
 * Names are letters, digits, `_`, `-` and single dots between them; a file of another name, a hidden one
 * for instance, is not there.
 */
export class Files {
  readonly #folder: string;
  readonly #others: ReadonlyMap<string, string>;
  readonly #kept = new Map<string, Kept>();

  /**
   * @param folder where they are
   * @param others files from elsewhere, by the path under which they are served
   */
  constructor(folder: string, others: ReadonlyMap<string, string> = new Map()) {
    this.#folder = folder;
    this.#others = others;
  }

  /**
   * @param path as it was sent, without the query; `/` stands for `/index.html`
   * @returns undefined where there is none
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

// No larger than the file: to clear 4 MiB for each took a hundred times as long as to compress it.
function windowFor(length: number): number {
  const [least, most] = BROTLI_WINDOW;
  return Math.min(Math.max(Math.ceil(Math.log2(length + 1)), least), most);
}

// A version that replaces another may have the same date and size; `ctime` cannot be set.
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
