import type Koa from "koa";
import { normalise } from "../http/prefix.ts";
import { PREFIX, ROOT_PATH } from "./context.ts";

/**
 * Reads the prefix that a proxy strips before it passes requests on (FastAPI's `root_path`).
 *
 * @param text `/api`, with or without a final slash, or "" for none
 * @returns the prefix without a final slash, "" for none, or undefined for what is no prefix
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
 * Tells a root app, for all its requests, the prefix under which clients see it. Paths are matched
 * without it; `ctx.mountPath`, `ctx.urlFor` and redirects have it. Of two servers of one app, the
 * prefix of the later one holds.
 *
 * @throws TypeError for what is no prefix
 */
export function setRootPath(app: Koa, text: string): void {
  const rootPath = readRootPath(text);
  if (rootPath === undefined) {
    throw new TypeError(`expected rootPath to be a path such as "/api", but got "${text}"`);
  }
  const above = Object.getPrototypeOf(app.context);
  const isSet = Object.hasOwn(above, ROOT_PATH);
  if (rootPath === "" && !isSet) return;
  // Above the app's own additions: what users put on `app.context` is copied to other apps.
  const layer = isSet ? above : Object.create(above);
  for (const name of [ROOT_PATH, PREFIX, "mountPath"]) {
    Object.defineProperty(layer, name, { value: rootPath, writable: true, configurable: true });
  }
  if (!isSet) Object.setPrototypeOf(app.context, layer);
}
