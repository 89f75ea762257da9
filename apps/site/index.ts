import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import serveFiles from "koa-static";
import { App } from "../../lib/index.ts";

/** The browser side: serves the files of `public/`. Mount it at `/`. */
export const site = new App();

site.use(async (ctx, next) => {
  // The files carry no version in their names, so a browser has to ask before it reuses one.
  ctx.set("Cache-Control", "no-cache");
  await next();
  if (ctx.fresh) ctx.status = 304;
});

const files = serveFiles(join(packageRoot(import.meta.dirname), "public"));

// koa-static calls an empty segment malicious (400). It is a path like any other that is not here.
site.use((ctx, next) => (ctx.path.startsWith("//") ? next() : files(ctx as never, next)));

// The page's only dependency, a single module without imports. It is served as it was installed.
// npm gives every version of a file the same date, so a browser compares its contents.
const partysocket = readFileSync(fileURLToPath(import.meta.resolve("partysocket/ws")));
const etag = createHash("sha256").update(partysocket).digest("base64url");

site.router.get("/vendor/partysocket/ws.js", (ctx) => {
  ctx.type = "text/javascript";
  ctx.etag = etag;
  ctx.body = partysocket;
});

/** The same modules run from `apps/` and, once built, from `dist/apps/`. */
function packageRoot(directory: string): string {
  if (existsSync(join(directory, "package.json"))) return directory;
  const parent = dirname(directory);
  if (parent === directory) throw new Error("apps/site: no package.json above the module");
  return packageRoot(parent);
}
