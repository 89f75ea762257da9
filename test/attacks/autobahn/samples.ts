// Data as Autobahn's five files are: as well, and as badly, to be compressed.

const BYTES = 2 ** 18;
const SIDE = 512;

/** Numbers that are the same in every run: a linear congruence, of which the high bits are good. */
function randoms(): () => number {
  let state = 20_110_912;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 16;
  };
}

const random = randoms();
const pick = <T>(of: readonly T[]): T => of[random() % of.length] as T;

function filled(next: () => string): string {
  const parts: string[] = [];
  for (let length = 0; length < BYTES; ) length += parts[parts.push(next()) - 1]?.length ?? 0;
  return parts.join("");
}

const GERMAN = [
  ..."Habe nun ach Philosophie Juristerei und Medizin durchaus studiert mit heißem Bemühn".split(
    " ",
  ),
  "zwar",
  "über",
  "Tür",
  "größer",
  "gescheiter",
  "Laffen",
  "Doktoren",
  "Magister",
  "Schreiber",
  "Pfaffen",
];
const sentence = () =>
  `${Array.from({ length: 3 + (random() % 12) }, () => pick(GERMAN)).join(" ")}.\n`;
const record = () =>
  `${JSON.stringify({ id: random(), name: pick(GERMAN), score: random() / 7, tags: [pick(GERMAN), pick(GERMAN)], open: random() % 2 > 0 })},\n`;
const row = () =>
  `<tr class="row-${random() % 2}"><td>${random()}</td><td><a href="/${pick(GERMAN)}">${pick(GERMAN)} – 価格 ${random() % 100} €</a></td></tr>\n`;

function bytes(length: number, next: (n: number) => number): Buffer {
  const made = Buffer.alloc(length);
  for (let n = 0; n < length; n++) made[n] = next(n);
  return made;
}

/** In Autobahn's order. What is a string is sent as text. */
export const samples: Readonly<Record<string, string | Buffer>> = {
  JSON: filled(record),
  "a picture": bytes(SIDE * SIDE, (n) => (n % SIDE) / 4 + n / SIDE / 4 + (random() % 4)),
  German: Buffer.from(filled(sentence)),
  HTML: filled(row),
  "a file that is compressed already": bytes(BYTES, random),
};
