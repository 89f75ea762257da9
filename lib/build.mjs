// `npm run build [folder]`: compiles the project into `dist/`, where `node dist/main.js` runs it.
// `dist/lib` is the package as it is published: `npm publish ./dist/lib`.

import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const dist = resolve(process.argv[2] ?? join(ROOT, "dist"));

const tsc = join(ROOT, "node_modules/.bin/tsc");
execFileSync(tsc, ["-p", join(ROOT, "tsconfig.build.json"), "--outDir", dist], {
  stdio: "inherit",
});

const source = JSON.parse(readFileSync(join(ROOT, "lib/package.json"), "utf8"));
const { name, type } = source;
// By this name the compiled apps find the compiled framework beside them, from any directory.
write(join(dist, "package.json"), { name, private: true, type, exports: exportsIn("./lib") });
write(join(dist, "lib/package.json"), { ...source, exports: exportsIn(".") });
for (const file of ["README.md", "CHANGELOG.md", "LICENSE"]) {
  copyFileSync(join(ROOT, file), join(dist, "lib", file));
}

/**
 * The entries of the package, each compiled.
 *
 * @param {string} folder where the compiled files lie
 */
function exportsIn(folder) {
  const entries = Object.entries(source.exports).map(([entry, file]) => {
    const base = `${folder}${String(file).slice(1).replace(/\.ts$/, "")}`;
    return [entry, { types: `${base}.d.ts`, default: `${base}.js` }];
  });
  return Object.fromEntries(entries);
}

/**
 * @param {string} path
 * @param {object} content
 */
function write(path, content) {
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
}
