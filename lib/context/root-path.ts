import type Koa from "koa";
import { normalise } from "../http/prefix.ts";
import { PREFIX, ROOT_PATH } from "./context.ts";

/**
 * Reads the prefix that a proxy strips before it passes requests on (FastAPI's `root_path`).
 *
 * @param text `/api`, with or without a final slash, or "" for none
 * @returns the prefix without a final slash, "" for none, or undefined for a malformed prefix
 */
export function readRootPath(text: string): string | undefined {
  if (text === "" || text === "/") return "";
  try {
    const prefix = normalise(text);
    return prefix.includes("/:") ? undefined : prefix;
  } catch {
    return undefined;
  }
}

/**
 * Sets the prefix under which clients see a root app. Paths are matched without this prefix;
 * `ctx.mountPath`, `ctx.urlFor` and redirects have it. When one app has two servers, the prefix of
 * the later server holds for both.
 *
 * @throws TypeError for a malformed prefix
 */
export function setRootPath(app: Koa, text: string): void {
  const rootPath = readRootPath(text);
  if (rootPath === undefined) {
    throw new TypeError(`expected rootPath to be a path such as "/api", but got "${text}"`);
  }
  const above = Object.getPrototypeOf(app.context);
  const isSet = Object.hasOwn(above, ROOT_PATH);
  if (rootPath === "" && !isSet) return;
  // On a prototype of `app.context`: users' own properties of `app.context` go to other apps too.
  const layer = isSet ? above : Object.create(above);
  for (const name of [ROOT_PATH, PREFIX, "mountPath"]) {
    Object.defineProperty(layer, name, { value: rootPath, writable: true, configurable: true });
  }
  if (!isSet) Object.setPrototypeOf(app.context, layer);
}
