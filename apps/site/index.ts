import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import serveFiles from "koa-static";
import { App } from "../../lib/index.ts";

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The browser side: serves the files of `public/`. Mount it at `/`. */
export const site = new App();

site.use(async (ctx, next) => {
  ctx.set({
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    // The files carry no version in their names, so a browser has to ask before it reuses one.
    "Cache-Control": "no-cache",
  });
  await next();
  if (ctx.fresh) ctx.status = 304;
});

site.use(serveFiles(join(packageRoot(import.meta.dirname), "public")));

/** The same modules run from `apps/` and, once built, from `dist/apps/`. */
function packageRoot(directory: string): string {
  if (existsSync(join(directory, "package.json"))) return directory;
  const parent = dirname(directory);
  if (parent === directory) throw new Error("apps/site: no package.json above the module");
  return packageRoot(parent);
}
