// README.md and docs/, and what they show.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Document, type Fence, parseMarkdown } from "./markdown.ts";
import { filesOf, ROOT } from "./snippets.ts";

const SHOWN_AT = /127\.0\.0\.1:8000/g;

/** README.md and the files of docs/. */
export const documents = ["README.md", ...list("docs", ".md")].map((path) =>
  parseMarkdown(path, readFileSync(join(ROOT, path), "utf8")),
);

/** README.md. */
export const readme = documents[0] as Document;

/** All fenced blocks of theirs. */
export const fences = documents.flatMap((document) => document.fences);

const project = manifestAt("package.json");
const framework = manifestAt("lib/package.json");
const { "koa-subapps": _, ...ofApps } = project.dependencies ?? {};

/** The commands of the project. */
export const scripts = project.scripts ?? {};
/** The packages that the framework and the apps need. */
export const dependencies: Readonly<Record<string, string>> = {
  ...framework.dependencies,
  ...ofApps,
};
/** The packages that the framework can do without. */
export const optionalDependencies: Names = {
  ...framework.optionalDependencies,
  ...framework.peerDependencies,
};

/** The blocks of a language. */
export function inLanguage(language: string): Fence[] {
  return fences.filter((fence) => fence.language === language);
}

/** The first file that a block of a language with such a text shows under such a path. */
export async function shown(
  language: string,
  text: RegExp,
  path: RegExp,
): Promise<{ path: string; text: string }> {
  for (const fence of inLanguage(language).filter((each) => text.test(each.text))) {
    for (const [name, content] of await filesOf(fence)) {
      if (path.test(name)) return { path: name, text: content };
    }
  }
  throw new Error(`no document shows ${path}`);
}

/** A document by its path. */
export function document(path: string): Document {
  const found = documents.find((each) => each.path === path);
  assert.ok(found, path);
  return found;
}

/** The row of a document's tables that begins with this cell. */
export function rowOf({ rows }: Document, first: string): readonly string[] | undefined {
  return rows.find((row) => row[0] === first);
}

/** All lines for a shell. */
export function commands(): string[] {
  return inLanguage("sh").flatMap(({ text }) => text.trimEnd().split("\n"));
}

/** The text of all documents. */
export function allText(): string {
  return documents.map(({ source }) => source).join("\n");
}

/** What a document shows, with the address where the server really is. */
export function at(text: string, url: string): string {
  return text.replace(SHOWN_AT, new URL(url).host);
}

/** How many lines a text has, without empty ones at its end. */
export function linesOf(text: string): number {
  return text.trimEnd().split("\n").length;
}

/** The files of a directory with an extension, by path. */
export function list(directory: string, extension: string): string[] {
  return readdirSync(join(ROOT, directory), { recursive: true })
    .map((name) => join(directory, String(name)))
    .filter((path) => path.endsWith(extension) && statSync(join(ROOT, path)).isFile())
    .sort();
}

type Names = Readonly<Record<string, string>>;

function manifestAt(path: string): {
  readonly scripts?: Names;
  readonly dependencies?: Names;
  readonly optionalDependencies?: Names;
  readonly peerDependencies?: Names;
} {
  return JSON.parse(readFileSync(join(ROOT, path), "utf8"));
}
