/** What an option is: a number of 0 or more, or something that is checked where it is used. */
export type OptionKind = "number" | "other";

/** All options of one kind of object, none left out. */
export type OptionKinds<Options> = Readonly<Record<keyof Required<Options>, OptionKind>>;

/**
 * Checks options that came past the compiler: a limit whose name is misspelt would be no limit,
 * and one that is no number would hold for everything or nothing.
 *
 * @param what whose options they are, for the message
 * @throws TypeError for one that there is not, and for a number that is none
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
    if (kind === "number" && value !== undefined && !isAmount(value)) {
      throw new TypeError(
        `expected the option ${name} of ${what} to be a number of 0 or more, but got ${shown(value)}`,
      );
    }
  }
}

function isAmount(value: unknown): boolean {
  return typeof value === "number" && value >= 0;
}

function shown(value: unknown): string {
  return typeof value === "number" ? String(value) : (JSON.stringify(value) ?? typeof value);
}
