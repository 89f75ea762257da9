import { mkdir, readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { versions } from "./machine.ts";
import type { Options } from "./options.ts";
import { plot } from "./plot.ts";
import { markdownTables } from "./report.ts";
import type { Results } from "./results.ts";
import type { Workload } from "./workload.ts";

const PAGE = fileURLToPath(new URL("../docs/performance.md", import.meta.url));
const PLOTS = fileURLToPath(new URL("../docs/performance/", import.meta.url));

/**
 * Puts tables and plots into docs/performance.md, each between the comments that name its
 * workload: what was not measured this time stays as it is.
 */
export async function writePage(options: Options, results: Results, where: string): Promise<void> {
  await mkdir(PLOTS, { recursive: true });
  let page = await readFile(PAGE, "utf8");
  for (const { workload } of options.selection) {
    await writeFile(`${PLOTS}${workload.name}.svg`, plot(workload, results));
    page = replaced(page, workload.name, section(workload, options, results, where));
  }
  await writeFile(PAGE, page);
}

function section(workload: Workload, options: Options, results: Results, where: string): string {
  const { name, title, about } = workload;
  const date = new Date().toISOString().slice(0, 10);
  return [
    about,
    "",
    `![${title}: every contestant's cost in every case](performance/${name}.svg)`,
    "",
    markdownTables(workload, results),
    `\`${command()}\`, ${options.rounds} rounds, ${date}, ${where}. ${versions()}.`,
  ].join("\n");
}

// As it was typed, so that it can be typed again.
function command(): string {
  const words = process.argv.slice(2).map((word) => (/[^\w,./-]/.test(word) ? `"${word}"` : word));
  return `npm run bench -- ${words.join(" ")}`;
}

function replaced(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- bench: ${name} -->`, `<!-- end: ${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/performance.md: expected ${begin} … ${end}`);
  return `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
}
