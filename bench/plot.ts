import type { Results } from "./results.ts";
import type { Case, ContestantName, Workload } from "./workload.ts";

const WIDTH = 800;
const LABELS = 250;
const RIGHT = 24;
const LANE = 26;
const TOP = 62;
const BOTTOM = 34;

// Colours that differ in lightness too, for light and for dark.
const COLOURS: Record<ContestantName, readonly [light: string, dark: string]> = {
  ws: ["#57606a", "#9198a1"],
  koa: ["#9a6700", "#e3b341"],
  fastify: ["#1a7f37", "#56d364"],
  hono: ["#bc4c00", "#ffa657"],
  "express-ws": ["#8250df", "#d2a8ff"],
  "socket-io": ["#bf3989", "#ff9bce"],
  ours: ["#0969da", "#58a6ff"],
  "ours-silent": ["#54aeff", "#a5d6ff"],
  "ours-no-bufferutil": ["#218bff", "#80ccff"],
  floor: ["#1f2328", "#f0f6fc"],
};

/** A workload's ratios to its first baseline as a picture: a lane for each case, a dot for each. */
export function plot(workload: Workload, results: Results): string {
  const baseline = workload.baselines[0];
  const cases = results.cases(workload);
  const contestants = results.contestants(workload);
  const dots = cases.flatMap((each, lane) =>
    contestants.flatMap((contestant) => {
      const ratio = baseline
        ? results.ratio(workload, each, contestant, baseline)
        : results.cost(workload, each, contestant);
      return ratio && ratio.low > 0 ? [{ lane, contestant, ...ratio }] : [];
    }),
  );
  const axis = logAxis(dots.flatMap(({ low, high }) => [low, high]));
  const bottom = TOP + cases.length * LANE;
  const what = baseline ? `divided by that of ${baseline}` : "";
  const title = `${workload.title}: ${workload.unit} ${what}, lower is better`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + BOTTOM}" role="img" aria-label="${title}">`,
    style(contestants),
    `<rect class="paper" width="${WIDTH}" height="${bottom + BOTTOM}" rx="6"/>`,
    `<text class="title" x="16" y="24">${title}</text>`,
    ...legend(contestants),
    ...axis.ticks.flatMap((tick) => [
      `<line class="${tick === 1 ? "one" : "grid"}" x1="${axis.x(tick)}" x2="${axis.x(tick)}" y1="${TOP}" y2="${bottom}"/>`,
      `<text class="tick" x="${axis.x(tick)}" y="${bottom + 18}">${tick}</text>`,
    ]),
    ...cases.map(({ name }: Case, lane) => label(name, lane)),
    ...dots.map(({ lane, contestant, low, median, high }) => {
      const y = laneY(lane);
      return (
        `<g class="${contestant}"><line x1="${axis.x(low)}" x2="${axis.x(high)}" y1="${y}" y2="${y}"/>` +
        `<circle cx="${axis.x(median)}" cy="${y}" r="${contestant === "ours" ? 6 : 4}"/></g>`
      );
    }),
    "</svg>\n",
  ].join("\n");
}

function laneY(lane: number): number {
  return TOP + lane * LANE + LANE / 2;
}

function label(name: string, lane: number): string {
  return `<text class="label" x="${LABELS - 12}" y="${laneY(lane) + 4}">${name}</text>`;
}

function legend(contestants: readonly ContestantName[]): string[] {
  let x = 16;
  return contestants.map((name) => {
    const at = x;
    x += 24 + name.length * 7.5;
    return `<g class="${name}"><circle cx="${at + 5}" cy="44" r="4"/></g><text x="${at + 14}" y="48">${name}</text>`;
  });
}

// Doublings are equal steps: half the cost is as far from 1 as twice the cost.
function logAxis(values: readonly number[]): { x: (value: number) => number; ticks: number[] } {
  const from = Math.floor(Math.log2(Math.min(0.5, ...values)));
  const to = Math.ceil(Math.log2(Math.max(2, ...values)));
  const step = (WIDTH - LABELS - RIGHT) / (to - from);
  const x = (value: number) => Number((LABELS + (Math.log2(value) - from) * step).toFixed(1));
  return { x, ticks: Array.from({ length: to - from + 1 }, (_, at) => 2 ** (from + at)) };
}

function style(contestants: readonly ContestantName[]): string {
  const paint = (shade: 0 | 1) =>
    contestants
      .map((name) => `.${name} { fill: ${COLOURS[name][shade]}; stroke: ${COLOURS[name][shade]}; }`)
      .join("\n");
  return `<style>
text { font: 12px system-ui, sans-serif; fill: #1f2328; stroke: none; }
.title { font-weight: 600; }
.label { text-anchor: end; }
.tick { text-anchor: middle; }
.paper { fill: #ffffff; }
.grid { stroke: #d1d9e0; }
.one { stroke: #59636e; }
g line { stroke-width: 2; }
${paint(0)}
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; }
.paper { fill: #0d1117; }
.grid { stroke: #3d444d; }
.one { stroke: #9198a1; }
${paint(1)}
}
</style>`;
}
