import { normalise } from "../http/prefix.ts";

/** The result of {@link MountTable.find}. */
export interface MountMatch<T> {
  readonly value: T;
  /** The part of the path that the prefix matched: `/orgs/acme` for `/orgs/:org`. */
  readonly prefix: string;
  /** The values of the prefix's parameters, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** Whether the path is the prefix itself, without the slash after it. */
  readonly missingSlash: boolean;
}

interface Node<T> {
  readonly literals: Map<string, Node<T>>;
  /** The child for a parameter, whatever its name: it matches any segment. */
  any?: Node<T>;
  entry?: { readonly value: T; readonly pattern: string; readonly names: readonly string[] };
}

const NOTHING: readonly string[] = [];
const NO_PARAMS: Readonly<Record<string, string>> = {};

/**
 * Prefixes in a tree of path segments. The cost of a search depends on the length of the path, not
 * on the number of prefixes. The longest prefix wins; the order of adding does not matter. Of two
 * equally long prefixes, the prefix with the more literal start wins.
 */
export class MountTable<T> {
  readonly #root: Node<T> = { literals: new Map() };

  /** The value at `/`. */
  get root(): T | undefined {
    return this.#root.entry?.value;
  }

  /**
   * Adds a prefix; a final slash makes no difference.
   *
   * @param prefix `/`, or segments of literal text or `:name`
   * @param said describes the value that already has the prefix, for the error message
   * @returns the prefix without a final slash, "" for `/`
   * @throws Error when the prefix is malformed or taken
   */
  add(prefix: string, value: T, said?: (taker: T) => string): string {
    const pattern = normalise(prefix);
    const segments = pattern === "" ? [] : pattern.slice(1).split("/");
    let node = this.#root;
    for (const segment of segments) node = descend(node, segment);
    if (node.entry) {
      const first = node.entry.pattern || "/";
      const which = said ? `, ${said(node.entry.value)}` : "";
      throw new Error(
        `expected a free prefix for each mount, but ${prefix} is taken by ${first}${which}; ` +
          "mount the second app elsewhere, or inside the first",
      );
    }
    const names = segments.filter((s) => s.startsWith(":")).map((s) => s.slice(1));
    node.entry = { value, pattern, names };
    return pattern;
  }

  /**
   * Finds the longest prefix of a raw path, other than `/`.
   *
   * @param path a request's target up to the `?`, as the client sent it
   */
  find(path: string): MountMatch<T> | undefined {
    return search(this.#root, path, 0, NOTHING);
  }
}

function descend<T>(node: Node<T>, segment: string): Node<T> {
  if (segment.startsWith(":")) {
    node.any ??= { literals: new Map() };
    return node.any;
  }
  let child = node.literals.get(segment);
  if (!child) {
    child = { literals: new Map() };
    node.literals.set(segment, child);
  }
  return child;
}

function search<T>(
  node: Node<T>,
  path: string,
  start: number,
  values: readonly string[],
): MountMatch<T> | undefined {
  let found: MountMatch<T> | undefined;
  if (path[start] === "/") {
    const slash = path.indexOf("/", start + 1);
    const end = slash === -1 ? path.length : slash;
    const segment = path.slice(start + 1, end);
    const literal = node.literals.get(segment);
    if (literal) found = search(literal, path, end, values);
    if (node.any && segment !== "") {
      const other = search(node.any, path, end, [...values, segment]);
      if (other && other.prefix.length > (found?.prefix.length ?? -1)) found = other;
    }
  }
  if (found || start === 0 || !node.entry) return found;
  return matchOf(node.entry, path, start, values);
}

function matchOf<T>(
  entry: NonNullable<Node<T>["entry"]>,
  path: string,
  end: number,
  values: readonly string[],
): MountMatch<T> {
  const isLiteral = entry.names.length === 0;
  return {
    value: entry.value,
    // All matches share this string, because an idle connection holds it.
    prefix: isLiteral ? entry.pattern : path.slice(0, end),
    params: isLiteral ? NO_PARAMS : decodeAll(entry.names, values),
    missingSlash: end === path.length,
  };
}

function decodeAll(names: readonly string[], values: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {};
  names.forEach((name, i) => {
    params[name] = decode(values[i] ?? "");
  });
  return params;
}

// Like koa-router: a malformed encoding stays as the client sent it.
function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
