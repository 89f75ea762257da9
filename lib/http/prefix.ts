/** A literal segment as RFC 3986 section 3.3 allows it, percent-encodings not decoded. */
const LITERAL = /^(?:[A-Za-z0-9\-._~!$&'()+,;=@]|%[0-9A-Fa-f]{2})+$/;
const DOTS = /^(?:\.|%2e){1,2}$/i;
const PARAMETER = /^:[A-Za-z_]\w*$/;

/**
 * The normal form of a prefix: without a final slash, "" for `/`.
 *
 * @throws Error when the prefix is malformed
 */
export function normalise(prefix: string): string {
  const pattern = prefix.endsWith("/") ? prefix.slice(0, -1) : prefix;
  const wrong = faultOf(prefix, pattern.split("/").slice(1));
  if (wrong === undefined) return pattern;
  throw new Error(
    `expected a prefix such as "/ws" or "/orgs/:org", but got ${JSON.stringify(prefix)}; ${wrong}`,
  );
}

// What is wrong with a prefix; undefined for a good one.
function faultOf(prefix: string, segments: readonly string[]): string | undefined {
  if (!prefix.startsWith("/")) return 'it does not begin with "/"';
  const bad = segments.find((s) => !PARAMETER.test(s) && (!LITERAL.test(s) || DOTS.test(s)));
  if (bad === undefined) return undefined;
  if (bad === "") return "it has an empty segment";
  if (DOTS.test(bad)) return `clients resolve "${bad}" before they send a path`;
  if (bad.includes(":"))
    return `"${bad}" is not a parameter; a parameter is a whole segment of ":" and a name`;
  if (/[?#]/.test(bad)) return 'a prefix is a path, without "?" and "#"';
  if (bad.includes("*")) return 'a mount owns every path under its prefix, without a "*"';
  if (/%(?![0-9A-F]{2})/i.test(bad)) return `"${bad}" has a "%" that encodes nothing`;
  return `percent-encode this segment as clients send it: ${encoded(bad)}`;
}

// A lone surrogate cannot be encoded, and becomes U+FFFD.
function encoded(segment: string): string {
  return encodeURI(Buffer.from(segment).toString()).replaceAll("%25", "%");
}
