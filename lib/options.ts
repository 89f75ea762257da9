/** The values that a number may have. */
export interface Range {
  readonly least: number;
  readonly most: number;
  /** Whether fractions are refused. Infinity is no fraction. */
  readonly whole: boolean;
}

/** What values that are no numbers an option may have. */
export interface Choice {
  /** What was expected, for the message: "true or false". */
  readonly expected: string;
  /** Whether a value is one of them. */
  readonly holds: (value: unknown) => boolean;
}

/** What an option is: a number in a range, a choice, or something that is checked where it is used. */
export type OptionKind = Range | Choice | "other";

/** All options of one kind of object, none left out. */
export type OptionKinds<Options> = Readonly<Record<keyof Required<Options>, OptionKind>>;

/** The longest delay of a Node.js timer in milliseconds; a longer one fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A number of things, or of bytes; Infinity is no limit. */
export const COUNT: Range = { least: 0, most: Number.POSITIVE_INFINITY, whole: true };
/** A number of things, at least one of them; Infinity is no limit. */
export const COUNT_FROM_ONE: Range = { ...COUNT, least: 1 };
/** So many a second; Infinity is no limit. */
export const PER_SECOND: Range = { ...COUNT, whole: false };
/** Milliseconds that this framework counts itself; Infinity is never. */
export const PATIENCE_MS: Range = { ...PER_SECOND, least: 1 };
/** Milliseconds of a timer of Node.js, to which 0 would mean never. */
export const TIMER_MS: Range = { least: 1, most: MAX_TIMER_MS, whole: true };

/** Yes or no. A text is refused, for "false" would mean yes. */
export const FLAG: Choice = {
  expected: "true or false",
  holds: (value) => typeof value === "boolean",
};

/** A list of texts. One text is refused, for it would be a list of its characters. */
export const TEXTS: Choice = {
  expected: "a list of texts",
  holds: (value) => Array.isArray(value) && value.every((item) => typeof item === "string"),
};

/** One of a few texts. */
export function oneOf(texts: readonly string[]): Choice {
  return {
    expected: `one of ${texts.map((text) => JSON.stringify(text)).join(", ")}`,
    holds: (value) => texts.includes(value as string),
  };
}

/** A choice, or something else. */
export function orElse(choice: Choice, other: Choice): Choice {
  return {
    expected: `${choice.expected}, or ${other.expected}`,
    holds: (value) => choice.holds(value) || other.holds(value),
  };
}

/**
 * Checks options at run time, for callers in plain JavaScript: a limit whose name is misspelt
 * would be no limit, and a value outside its range may mean the opposite of what it says.
 *
 * @param kinds what each option is
 * @param what whose options they are, for the message
 * @throws TypeError for an unknown option, and for a value that is not of its kind
 */
export function assertOptions<Options extends object>(
  given: Options,
  kinds: OptionKinds<Options>,
  what: string,
): void {
  for (const [name, value] of Object.entries(given)) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name as keyof Options] : undefined;
    if (kind === undefined) {
      const known = Object.keys(kinds).join(", ");
      throw new TypeError(`expected options of ${what}, which are ${known}, but got ${name}`);
    }
    if (kind !== "other" && value !== undefined && !isOf(kind, value)) {
      throw new TypeError(
        `expected the option ${name} of ${what} to be ${described(kind)}, but got ${shown(value)}`,
      );
    }
  }
}

function isOf(kind: Range | Choice, value: unknown): boolean {
  return "holds" in kind ? kind.holds(value) : isIn(kind, value);
}

function isIn({ least, most, whole }: Range, value: unknown): boolean {
  if (typeof value !== "number" || !(value >= least && value <= most)) return false;
  return !whole || Number.isInteger(value) || value === Number.POSITIVE_INFINITY;
}

function described(kind: Range | Choice): string {
  if ("holds" in kind) return kind.expected;
  const { least, most, whole } = kind;
  const number = whole ? "a whole number" : "a number";
  return most === Number.POSITIVE_INFINITY
    ? `${number} of ${least} or more`
    : `${number} from ${least} to ${most}`;
}

function shown(value: unknown): string {
  return typeof value === "number" || typeof value === "bigint"
    ? String(value)
    : (JSON.stringify(value) ?? typeof value);
}
