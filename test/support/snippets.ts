import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Fence } from "./markdown.ts";

/** The repository. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A fenced block as a small project of its own, on the real `lib/` and `apps/`. */
export interface Project {
  readonly fence: Fence;
  readonly directory: string;
  /** Its files by path, as written. */
  readonly files: ReadonlyMap<string, string>;
}

/** All projects, in one directory of the repository that git ignores. */
export interface Snippets extends AsyncDisposable {
  readonly directory: string;
  readonly projects: readonly Project[];
}

const FILE = /^(?:\/\/|#) ([\w./-]+\.(?:ts|py))(, added)?$/;

/**
 * Splits a block into the files it shows. Each begins with a comment that is its path;
 * `// main.ts, added` is what to add to the repository's own.
 *
 * @throws Error when the block does not begin with such a comment, or shows a file twice
 */
export async function filesOf(fence: Fence): Promise<Map<string, string>> {
  const parts: { path: string; added: boolean; lines: string[] }[] = [];
  for (const line of fence.text.split("\n").slice(0, -1)) {
    const [, path, added] = FILE.exec(line) ?? [];
    if (path) parts.push({ path, added: added !== undefined, lines: [] });
    else if (parts.length > 0) parts.at(-1)?.lines.push(line);
    else throw new Error(`${fence.at}: expected the file's path in a comment, but got ${line}`);
  }
  const files = new Map<string, string>();
  for (const { path, added, lines } of parts) {
    if (files.has(path)) throw new Error(`${fence.at}: shows ${path} twice`);
    files.set(path, added ? await withAdded(path, lines) : `${lines.join("\n").trimEnd()}\n`);
  }
  return files;
}

// Imports after the file's own, the rest before it runs, or at its end.
async function withAdded(path: string, lines: readonly string[]): Promise<string> {
  const isImport = (line: string) => line.startsWith("import ");
  const own = (await readFile(join(ROOT, path), "utf8")).split("\n");
  const imports = own.findLastIndex(isImport) + 1;
  const runs = own.findIndex((line) => line.startsWith("await run("));
  const end = runs < 0 ? own.length - 1 : runs;
  return [
    ...own.slice(0, imports),
    ...lines.filter(isImport),
    ...own.slice(imports, end),
    ...lines.filter((line) => !isImport(line)),
    ...own.slice(end),
  ].join("\n");
}

/** Writes the blocks, each into a directory of its own beside links to what it imports. */
export async function writeSnippets(fences: readonly Fence[]): Promise<Snippets> {
  await mkdir(join(ROOT, ".snippets"), { recursive: true });
  const directory = await mkdtemp(join(ROOT, ".snippets/run-"));
  const projects = await Promise.all(
    fences.map(async (fence, index) => {
      const project = {
        fence,
        directory: join(directory, `${index}`),
        files: await filesOf(fence),
      };
      await write(project);
      return project;
    }),
  );
  return {
    directory,
    projects,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

async function write({ directory, files }: Project): Promise<void> {
  for (const [path, text] of files) {
    await mkdir(join(directory, dirname(path)), { recursive: true });
    await writeFile(join(directory, path), text);
  }
  await mkdir(join(directory, "apps"), { recursive: true });
  await symlink(join(ROOT, "lib"), join(directory, "lib"));
  for (const name of await readdir(join(ROOT, "apps"))) {
    const [own, link] = [join(ROOT, "apps", name), join(directory, "apps", name)];
    // Beside what a block shows of an app, the rest of it: a link would lead to the app as it is.
    if (existsSync(link)) await cp(own, link, { recursive: true, force: false });
    else await symlink(own, link);
  }
}
