import { fstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

/** Descriptors are given out from the lowest: more than these no test has open. */
const DESCRIPTORS = 1_024;

/** The folder for temporary files of a test. */
export interface Folder {
  readonly path: string;
  /** The names of inputs that are in it. */
  names(): string[];
  /** How many inputs this process holds in files: they have no names any more. */
  held(): number;
}

/** Gives this process a folder for temporary files of its own, and removes it at the end. */
export function ownFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), "koa-subapps-test-"));
  process.env.TMPDIR = path;
  after(() => rmSync(path, { recursive: true, force: true }));
  return {
    path,
    names: () => readdirSync(path).filter((name) => name.startsWith("koa-subapps-tasks-")),
    held,
  };
}

// An upload under way has its file open twice.
function held(): number {
  const files = new Set<number>();
  for (let descriptor = 3; descriptor < DESCRIPTORS; descriptor++) {
    try {
      const stat = fstatSync(descriptor);
      if (stat.isFile() && stat.nlink === 0) files.add(stat.ino);
    } catch {
      // It is not open.
    }
  }
  return files.size;
}
