import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

/**
 * Gives this process a folder for temporary files of its own, and removes it at the end.
 *
 * @returns what apps have put there: their directories, and the files in them
 */
export function ownFolder(): { path: string; left: () => string[] } {
  const path = mkdtempSync(join(tmpdir(), "koa-subapps-test-"));
  process.env.TMPDIR = path;
  after(() => rmSync(path, { recursive: true, force: true }));
  return { path, left: () => leftIn(path) };
}

function leftIn(path: string): string[] {
  const directories = readdirSync(path).filter((name) => name.startsWith("koa-subapps-tasks-"));
  return directories.flatMap((name) => {
    const directory = join(path, name);
    const files = existsSync(directory) ? readdirSync(directory) : [];
    return [name, ...files.map((file) => `${name}/${file}`)];
  });
}
