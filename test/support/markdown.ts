/** A fenced block. */
export interface Fence {
  readonly language: string;
  readonly text: string;
  /** `README.md:12`, for messages. */
  readonly at: string;
}

/** What the tests read of a Markdown document. */
export interface Document {
  readonly path: string;
  readonly source: string;
  readonly fences: readonly Fence[];
  /** The anchors of its headings, as the forge makes them. */
  readonly anchors: ReadonlySet<string>;
  /** The targets of its links and the sources of its images. */
  readonly targets: readonly string[];
  readonly images: readonly { readonly source: string; readonly alt: string }[];
  /** The rows of its tables without their heads, a list of cells each. */
  readonly rows: readonly (readonly string[])[];
}

/**
 * Reads a document.
 *
 * @param path the path to report
 * @param source its text
 */
export function parseMarkdown(path: string, source: string): Document {
  const fences: Fence[] = [];
  const prose: string[] = [];
  let open: { language: string; lines: string[]; line: number } | undefined;
  source.split("\n").forEach((line, index) => {
    if (!line.startsWith("```")) {
      (open?.lines ?? prose).push(line);
    } else if (open) {
      const { language, lines, line: first } = open;
      fences.push({ language, text: `${lines.join("\n")}\n`, at: `${path}:${first}` });
      open = undefined;
    } else {
      open = { language: line.slice(3), lines: [], line: index + 1 };
    }
  });
  if (open) throw new Error(`${path}:${open.line}: a fence that is never closed`);
  const text = prose.join("\n");
  const images = [
    ...matches(text, /!\[([^\]]*)\]\(([^)\s]+)\)/g).map(([alt, source]) => ({ alt, source })),
    ...matches(text, /<img ([^>]*)>/g).map(([attributes = ""]) => ({
      alt: attribute(attributes, "alt"),
      source: attribute(attributes, "src"),
    })),
  ] as { alt: string; source: string }[];
  const links = matches(text, /(?<!!)\[[^\]]*\]\(([^)\s]+)\)/g).map(([target]) => target ?? "");
  return {
    path,
    source,
    fences,
    anchors: new Set(matches(text, /^#{1,6} (.*)$/gm).map(([heading]) => slug(heading ?? ""))),
    targets: [...links, ...images.map((image) => image.source)],
    images,
    rows: rowsOf(prose),
  };
}

function rowsOf(lines: readonly string[]): string[][] {
  return lines.flatMap((line, index) => {
    const isRow = (text = "") => text.startsWith("|");
    if (!isRow(line) || line.startsWith("|---") || !isRow(lines[index - 1])) return [];
    return [
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    ];
  });
}

function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

function attribute(text: string, name: string): string {
  return new RegExp(`${name}="([^"]*)"`).exec(text)?.[1] ?? "";
}

function matches(text: string, pattern: RegExp): string[][] {
  return [...text.matchAll(pattern)].map((match) => match.slice(1));
}
