import { parseArgs } from "node:util";
import { type Case, CONTESTANTS, type ContestantName, type Workload } from "./workload.ts";
import { WORKLOADS } from "./workloads/index.ts";

const USAGE = `npm run bench                              everything; about two hours
npm run bench -- echo                      one workload: ${WORKLOADS.map(({ name }) => name).join(", ")}
npm run bench -- echo "64 B" "16 in"       the cases of it whose names hold all of this
npm run bench -- --list                    all cases
  --contestants ws,koa,ours   only these, or "all"
  --rounds 5                  how often each is measured
  --quick                     whether it runs, in a minute; ws, koa and ours, and no figures worth reading
  --json file                 all measurements
  --write                     tables and plots into docs/performance.md`;

/** What the command line asks for. */
export interface Options {
  readonly selection: readonly Selected[];
  readonly contestants: readonly ContestantName[];
  readonly rounds: number;
  readonly quick: boolean;
  readonly list: boolean;
  readonly json: string | undefined;
  readonly write: boolean;
}

/** A workload, and the cases of it that were asked for. */
export interface Selected {
  readonly workload: Workload;
  readonly cases: readonly Case[];
}

const ROUNDS = 5;
const QUICK: readonly ContestantName[] = ["ws", "koa", "ours"];

/** @throws Error that says what is wrong with the arguments, and what they can be */
export function readOptions(args: string[]): Options {
  try {
    return parse(args);
  } catch (error) {
    throw new Error(`${(error as Error).message}\n\n${USAGE}`, { cause: error });
  }
}

function parse(args: string[]): Options {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      contestants: { type: "string" },
      rounds: { type: "string" },
      quick: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      json: { type: "string" },
      write: { type: "boolean", default: false },
    },
  });
  const { quick, list, json, write } = values;
  if (quick && write) throw new Error("--quick has no figures to write");
  const rounds = quick ? 1 : Number(values.rounds ?? ROUNDS);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error("--rounds: expected a number from 1");
  const selection = select(positionals, quick);
  return {
    selection,
    contestants: contestantsOf(values.contestants, quick),
    rounds,
    quick,
    list,
    json,
    write,
  };
}

/**
 * The cases that some words name.
 *
 * @throws Error when there is none
 */
export function select(words: readonly string[], quick = false): Selected[] {
  const isNamed = (workload: Workload, { name }: Case) =>
    words.every((word) => `${workload.name}: ${name}`.includes(word));
  const selection = WORKLOADS.map((workload) => ({
    workload,
    cases: workload.cases.filter((each) => isNamed(workload, each) && (!quick || each.quick)),
  })).filter(({ cases }) => cases.length > 0);
  if (selection.length > 0) return selection;
  throw new Error(`no case is named by ${words.join(", ")}; see: npm run bench -- --list`);
}

function contestantsOf(list: string | undefined, quick: boolean): readonly ContestantName[] {
  if (list === "all") return CONTESTANTS;
  if (list === undefined) return quick ? QUICK : CONTESTANTS;
  return list.split(",").map((name) => {
    const known = CONTESTANTS.find((each) => each === name);
    if (known) return known;
    throw new Error(`--contestants: expected some of ${CONTESTANTS.join(", ")}, but got ${name}`);
  });
}
