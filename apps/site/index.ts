import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { App, type Context } from "koa-subapps";
import { ENCODINGS, type Encoding, Files } from "./files.ts";

// The page's only dependency, a single module without imports. The server sends it unchanged.
const VENDOR = new Map([
  ["/vendor/partysocket/ws.js", fileURLToPath(import.meta.resolve("partysocket/ws"))],
]);

/** The browser side: serves the files of `public/`. Mount it at `/`. */
export const site = createSite();

/**
 * Serves the files of a folder, compressed as the client accepts it. Browsers ask for each file
 * again, so that they see a new version at once. There is no build step.
 *
 * @param folder default: the project's `public/`
 */
export function createSite(folder = join(projectRoot(import.meta.dirname), "public")): App {
  const site = new App();
  const files = new Files(folder, VENDOR);

  site.use(async (ctx, next) => {
    // File names carry no version, so a browser must ask before it reuses a file.
    ctx.set("Cache-Control", "no-cache");
    await next();
  });

  site.use(async (ctx, next) => {
    const reads = ctx.method === "GET" || ctx.method === "HEAD";
    const file = reads ? await files.get(ctx.path) : undefined;
    if (!file) return next();
    const encoding = file.varies ? encodingFor(ctx) : "identity";
    if (file.varies) ctx.vary("Accept-Encoding");
    ctx.type = file.extension;
    ctx.etag = file.etag(encoding);
    ctx.status = 200;
    if (ctx.fresh) {
      ctx.status = 304;
      return;
    }
    if (encoding !== "identity") ctx.set("Content-Encoding", encoding);
    ctx.body = await file.body(encoding);
  });

  return site;
}

function encodingFor(ctx: Pick<Context, "acceptsEncodings">): Encoding {
  // A client that accepts no encoding gets the file as without its header.
  return ENCODINGS.find((encoding) => ctx.acceptsEncodings(encoding) === encoding) ?? "identity";
}

/** Finds the project: this module runs from `apps/`, and from `dist/apps/` once built. */
function projectRoot(directory: string): string {
  if (existsSync(join(directory, "public/index.html"))) return directory;
  const parent = dirname(directory);
  if (parent === directory) throw new Error("apps/site: expected public/index.html above apps/");
  return projectRoot(parent);
}
