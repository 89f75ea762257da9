import type { ServerResponse } from "node:http";

// What describes a body or the connection itself has no place on a 101.
const NOT_ON_101 =
  /^(connection|upgrade|keep-alive|transfer-encoding|date|content-.*|sec-websocket-.*)$/i;

/**
 * Adds the headers that middleware has set on a response to the 101 in its place.
 *
 * @param lines the header lines of the 101
 */
export function addHeaders(lines: string[], res: ServerResponse): void {
  for (const name of res.getHeaderNames()) addHeader(lines, name, res.getHeader(name));
}

function addHeader(
  lines: string[],
  name: string,
  values: number | string | string[] | undefined,
): void {
  if (values === undefined || NOT_ON_101.test(name)) return;
  for (const value of [values].flat()) lines.push(`${name}: ${value}`);
}
