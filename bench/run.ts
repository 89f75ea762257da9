import { writeFile } from "node:fs/promises";
import process from "node:process";
import type { Child } from "./child.ts";
import { Library } from "./library.ts";
import { machine, versions } from "./machine.ts";
import { type Options, readOptions, type Selected } from "./options.ts";
import { install } from "./packages.ts";
import { writePage } from "./page.ts";
import { terminalTable } from "./report.ts";
import { Results, type Sample } from "./results.ts";
import { measure, type RoundOptions, startClient } from "./round.ts";
import type { Case, ContestantName, Workload } from "./workload.ts";

// npm run bench

/** The quick form measures nothing, so it may run some at once, and use clients again. */
const QUICK_AT_ONCE = 3;

interface Job {
  readonly workload: Workload;
  readonly each: Case;
  readonly contestant: ContestantName;
  readonly round: number;
}

async function run(options: Options): Promise<void> {
  install(options.contestants);
  using library = new Library();
  const results = new Results();
  const where = machine();
  for (const selected of options.selection) {
    const jobs = jobsOf(selected, options);
    const measureOne = async (job: Job, client?: Child) => {
      results.add(
        await sampleOf(job, options, {
          library: library.url,
          quick: options.quick,
          ...(client && { client }),
        }),
      );
    };
    if (options.quick) await runQuickly(jobs, measureOne);
    else for (const job of jobs) await measureOne(job);
    process.stdout.write(`${terminalTable(selected.workload, results)}\n`);
  }
  process.stdout.write(`${where}\n${versions()}\n`);
  if (options.json) {
    const all = { machine: where, versions: versions(), samples: results.samples };
    await writeFile(options.json, `${JSON.stringify(all, null, 2)}\n`);
  }
  if (options.write) await writePage(options, results, where);
}

// Each round measures everybody in every case, beginning with another contestant each time, so
// that a ratio is of two measurements that are close in time.
function jobsOf({ workload, cases }: Selected, { contestants, rounds }: Options): Job[] {
  const jobs: Job[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const each of cases) {
      const taking = (each.contestants ?? workload.contestants).filter((name) =>
        contestants.includes(name),
      );
      for (let at = 0; at < taking.length; at++) {
        const contestant = taking[(at + round) % taking.length] as ContestantName;
        jobs.push({ workload, each, contestant, round });
      }
    }
  }
  return jobs;
}

async function sampleOf(job: Job, options: Options, how: RoundOptions): Promise<Sample> {
  const { workload, each, contestant, round } = job;
  const what = `${workload.name}: ${each.name}: ${contestant}`;
  process.stderr.write(`round ${round + 1}/${options.rounds}  ${what}\n`);
  try {
    const measured = await measure(contestant, each, how);
    return { workload: workload.name, case: each.name, contestant, round, ...measured };
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
  }
}

async function runQuickly(
  jobs: Job[],
  measureOne: (job: Job, client: Child) => Promise<void>,
): Promise<void> {
  const work = async () => {
    await using client = startClient(true);
    for (let job = jobs.shift(); job; job = jobs.shift()) await measureOne(job, client);
  };
  await Promise.all(Array.from({ length: QUICK_AT_ONCE }, work));
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options.list) list(options.selection);
  else await run(options);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}

function list(selection: readonly Selected[]): void {
  for (const { workload, cases } of selection) {
    for (const { name } of cases) process.stdout.write(`${workload.name}: ${name}\n`);
  }
}
