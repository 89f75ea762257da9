import type { Results } from "./results.ts";
import type { Spread } from "./statistics.ts";
import type { Case, ContestantName, Workload } from "./workload.ts";

/** A workload's results as text, server CPU first. */
export function terminalTable(workload: Workload, results: Results): string {
  const blocks = results.cases(workload).map((each) => block(workload, each, results));
  return [`\n${workload.title}: ${workload.about}\n`, ...blocks].join("\n");
}

function block(workload: Workload, each: Case, results: Results): string {
  const { unit, baselines } = workload;
  const head = [
    each.name,
    unit,
    ...baselines.map((name) => `to ${name}`),
    ...(each.against ? [`to “${each.against}”`] : []),
    "a second",
  ];
  const rows = results.contestants(workload).flatMap((contestant) => {
    const cost = results.cost(workload, each, contestant);
    if (!cost) return [];
    const rate = results.rate(workload, each, contestant);
    const ratios = baselines.map((name) => results.ratio(workload, each, contestant, name));
    const growth = each.against ? [results.growth(workload, each, contestant)] : [];
    return [
      [
        `  ${contestant}`,
        baselines.length > 0 ? figure(cost.median) : withQuartiles(cost),
        ...[...ratios, ...growth].map(withQuartiles),
        rate ? whole(rate.median) : "",
      ],
    ];
  });
  return align([head, ...rows]);
}

function align(rows: string[][]): string {
  const widths = (rows[0] as string[]).map((_, at) =>
    Math.max(...rows.map((row) => row[at]?.length ?? 0)),
  );
  const line = (row: string[]) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join("  ");
  return `${rows.map(line).join("\n")}\n`;
}

/** A workload's results as Markdown tables. */
export function markdownTables(workload: Workload, results: Results): string {
  const cases = results.cases(workload);
  const contestants = results.contestants(workload);
  const parts: string[] = [];
  const table = (
    title: string,
    which: readonly Case[],
    cell: (each: Case, contestant: ContestantName) => string,
  ) => {
    if (which.length > 0) parts.push(title, "", ...markdown(contestants, which, cell), "");
  };
  const { unit, baselines } = workload;
  if (baselines.length === 0) {
    table(`${unit}:`, cases, (each, name) => withQuartiles(results.cost(workload, each, name)));
  }
  for (const baseline of baselines) {
    table(
      `${unit} an operation of \`${baseline}\`, and of the others divided by that in the same round (median and quartiles):`,
      cases,
      (each, name) =>
        name === baseline
          ? `${figure(results.cost(workload, each, name)?.median)}`
          : withQuartiles(results.ratio(workload, each, name, baseline)),
    );
  }
  table(
    "Each divided by its own first case in the same round:",
    cases.filter(({ against }) => against !== undefined),
    (each, name) => withQuartiles(results.growth(workload, each, name)),
  );
  table(
    "Operations a second, with one core for the client:",
    cases.filter((each) => contestants.some((name) => results.rate(workload, each, name))),
    (each, name) => whole(results.rate(workload, each, name)?.median),
  );
  return parts.join("\n").replaceAll("µs CPU an operation", "Server CPU in µs for an operation");
}

function markdown(
  contestants: readonly ContestantName[],
  cases: readonly Case[],
  cell: (each: Case, contestant: ContestantName) => string,
): string[] {
  const row = (cells: string[]) => `| ${cells.join(" | ")} |`;
  return [
    row(["", ...contestants]),
    `|---|${contestants.map(() => "--:|").join("")}`,
    ...cases.map((each) => row([each.name, ...contestants.map((name) => cell(each, name))])),
  ];
}

function withQuartiles(ratio: Spread | undefined): string {
  if (!ratio) return "";
  return `${ratio.median.toFixed(2)} (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})`;
}

function figure(value: number | undefined): string {
  if (value === undefined) return "";
  return value < 100 ? value.toFixed(1) : whole(value);
}

function whole(value: number | undefined): string {
  return value === undefined ? "" : Math.round(value).toLocaleString("en");
}
