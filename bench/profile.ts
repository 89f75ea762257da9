import { mkdir } from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Library } from "./library.ts";
import { select } from "./options.ts";
import { measure } from "./round.ts";
import { selfTimes } from "./self-times.ts";

// npm run profile -- <workload> [words of the case's name]

const DIRECTORY = fileURLToPath(new URL("profiles/", import.meta.url));
const LINES = 15;

try {
  const words = process.argv.slice(2);
  const selected = select(words)[0];
  // Of several the one that the quick form has too: the ordinary one.
  const each = selected?.cases.find(({ quick }) => quick) ?? selected?.cases[0];
  if (!selected || !each) throw new Error("nothing to profile");
  const { name } = selected.workload;
  await mkdir(DIRECTORY, { recursive: true });
  const file = `${DIRECTORY}${`${name} ${each.name}`.replaceAll(/[^\w]+/g, "-")}.cpuprofile`;
  using library = new Library();
  await measure("ours", each, { library: library.url, quick: false, profile: file });
  process.stdout.write(`${name}: ${each.name}\n\n${await selfTimes(file, LINES)}\n${file}\n`);
  process.stdout.write("Open it in Chrome: DevTools, Performance, Load profile.\n");
} catch (error) {
  process.stderr.write(
    `${(error as Error).message}\n\nnpm run profile -- <workload> ["words" of a case's name]; npm run bench -- --list shows them\n`,
  );
  process.exitCode = 1;
}
