/** The range of a number. */
export interface Range {
  readonly least: number;
  readonly most: number;
  /** Whether fractions are refused. Infinity is allowed. */
  readonly whole: boolean;
}

/** The values of an option that is not a number. */
export interface Choice {
  /** The expected value, for the error's message: "true or false". */
  readonly expected: string;
  /** Whether a value is allowed. */
  readonly holds: (value: unknown) => boolean;
}

/**
 * The kind of an option: a number in a range, a choice, or `other` when it is checked elsewhere.
 */
export type OptionKind = Range | Choice | "other";

/** The kinds of all options of one object. */
export type OptionKinds<Options> = Readonly<Record<keyof Required<Options>, OptionKind>>;

/** The longest delay of a Node.js timer in milliseconds; a longer one fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A count of things or bytes; Infinity for no limit. */
export const COUNT: Range = { least: 0, most: Number.POSITIVE_INFINITY, whole: true };
/** A count of at least 1; Infinity for no limit. */
export const COUNT_FROM_ONE: Range = { ...COUNT, least: 1 };
/** A rate a second; Infinity for no limit. */
export const PER_SECOND: Range = { ...COUNT, whole: false };
/** Milliseconds that this framework counts itself; Infinity for never. */
export const PATIENCE_MS: Range = { ...PER_SECOND, least: 1 };
/** Milliseconds of a Node.js timer. 0 is refused, because to Node it means never. */
export const TIMER_MS: Range = { least: 1, most: MAX_TIMER_MS, whole: true };

/** True or false. A text is refused, because "false" would count as true. */
export const FLAG: Choice = {
  expected: "true or false",
  holds: (value) => typeof value === "boolean",
};

/**
 * A list of texts. A single text is refused, because it would count as a list of its characters.
 */
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

/** Either of two choices. */
export function orElse(choice: Choice, other: Choice): Choice {
  return {
    expected: `${choice.expected}, or ${other.expected}`,
    holds: (value) => choice.holds(value) || other.holds(value),
  };
}

/**
 * Checks options at run time, for callers in plain JavaScript. A misspelt limit would be no limit,
 * and a value outside its range could mean the opposite.
 *
 * @param kinds the kind of each option
 * @param what the owner of the options, for the error's message
 * @throws TypeError for an unknown option, or a value of the wrong kind
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
      throw new TypeError(`expected only options of ${what} (${known}), but got ${name}`);
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
