// lib/ is the package koa-subapps: what it needs is what it declares, and it works elsewhere.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { cp, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { ROOT } from "./support/snippets.ts";

const run = promisify(execFile);
const BIN = join(ROOT, "node_modules/.bin");
/** Long, for a registry that is slow: only a test that fails waits for it. */
const INSTALL_MS = 120_000;

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

const manifest: Manifest = JSON.parse(readFileSync(join(ROOT, "lib/package.json"), "utf8"));

/** The packages that the sources of lib/ import. */
function imported(): Set<string> {
  const names = new Set<string>();
  const files = readdirSync(join(ROOT, "lib"), { recursive: true, encoding: "utf8" });
  for (const file of files.filter((name) => /(?<!\.d)\.ts$/.test(name))) {
    const source = readFileSync(join(ROOT, "lib", file), "utf8");
    for (const [, specifier = ""] of source.matchAll(/(?:from|import\() ?"([^."][^"]*)"/g)) {
      const [scope = "", name = ""] = specifier.split("/");
      if (!specifier.startsWith("node:") && !builtinModules.includes(specifier))
        names.add(scope.startsWith("@") ? `${scope}/${name}` : scope);
    }
  }
  return names;
}

test("lib/ declares every package that it imports", () => {
  const { dependencies, optionalDependencies, peerDependencies } = manifest;
  const declared = { ...dependencies, ...optionalDependencies, ...peerDependencies };
  const missing = [...imported()].filter((name) => !Object.hasOwn(declared, name));
  // In a docstring's example lib/ is what its users import.
  assert.deepEqual(
    missing.filter((name) => name !== "koa-subapps"),
    [],
  );
});

test("lib/ imports every package that it declares, or its types are used", () => {
  const used = imported();
  const unused = Object.keys(manifest.dependencies).filter(
    (name) => !used.has(name) && !used.has(name.replace("@types/", "")),
  );
  assert.deepEqual(unused, []);
});

describe("the packed package, installed in an empty folder", () => {
  let folder = "";
  const node = (file: string) => run(process.execPath, [file], { cwd: folder });

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "koa-subapps-package-"));
    const dist = join(folder, "dist");
    await run(process.execPath, [join(ROOT, "lib/build.mjs"), dist]);
    await run("npm", ["pack", "--pack-destination", folder, join(dist, "lib")]);
    await rm(dist, { recursive: true });
    await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
    const [tarball = ""] = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
    const install = ["install", "--no-audit", "--no-fund", "--prefer-offline", `./${tarball}`];
    await run("npm", install, { cwd: folder, timeout: INSTALL_MS });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test("brings no demo app, no page and none of their packages", () => {
    const names = readdirSync(join(folder, "node_modules"));
    assert.ok(names.includes("koa-subapps"));
    for (const name of ["zod", "piscina", "partysocket"]) assert.ok(!names.includes(name), name);
    const own = readdirSync(join(folder, "node_modules/koa-subapps"));
    for (const name of ["README.md", "LICENSE", "CHANGELOG.md"]) assert.ok(own.includes(name));
    assert.ok(!own.includes("apps") && !own.includes("public"));
  });

  test("runs a server of two apps from plain JavaScript", async () => {
    await writeFile(
      join(folder, "server.js"),
      `import assert from "node:assert/strict";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
const echo = new App().websocket("/", async (socket) => {
  for await (const text of socket) await socket.send("echo " + text);
});
const hello = new App();
hello.router.get("/", (ctx) => { ctx.body = "hello"; });
const app = new App().mount("/ws", echo).mount("/hello", hello);
const client = await TestClient.start(app);
const socket = await client.connect("/ws/");
await socket.send("hi");
assert.equal(await socket.receive(), "echo hi");
assert.equal(await (await client.fetch("/hello/")).text(), "hello");
await client.close();
console.log("done");
`,
    );
    assert.match((await node("server.js")).stdout, /done/);
  });

  test("passes strict TypeScript that checks the libraries too", async () => {
    await writeFile(
      join(folder, "app.ts"),
      `import { App, Hub, type Context, type ServeOptions, serve } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
const hub = new Hub();
const room = new App<{ visits: number }>();
room.use(async (ctx, next) => { ctx.state.visits = 1; await next(); });
room.websocket("/:name", async (socket, ctx) => {
  await hub.join(ctx.params.name, socket);
  for await (const text of socket) await hub.publish(ctx.params.name, text);
});
const options: ServeOptions = { port: 0 };
export const mountPathOf = (ctx: Context): string => ctx.mountPath;
export const start = () => serve(new App().mount("/rooms", room), options);
export const client = () => TestClient.start(room);
`,
    );
    const compilerOptions = {
      ...{ strict: true, skipLibCheck: false, noEmit: true, exactOptionalPropertyTypes: true },
      ...{ module: "nodenext", target: "es2022", lib: ["es2023", "esnext.disposable"] },
      types: ["node"],
    };
    await writeFile(
      join(folder, "tsconfig.json"),
      JSON.stringify({ compilerOptions, files: ["app.ts"] }),
    );
    await run(join(BIN, "tsc"), ["-p", folder]).catch(({ stdout }) => assert.fail(stdout));
  });

  test("takes a feature of apps/ as it is", async () => {
    await cp(join(ROOT, "apps/echo"), join(folder, "apps/echo"), { recursive: true });
    await symlink(join(ROOT, "node_modules/tsx"), join(folder, "node_modules/tsx")).catch(() => {});
    await writeFile(
      join(folder, "feature.js"),
      `import { TestClient } from "koa-subapps/testing";
import { echo } from "./apps/echo/index.ts";
const client = await TestClient.start(echo);
const socket = await client.connect("/");
await socket.send("hi");
console.log(await socket.receive());
await client.close();
`,
    );
    const args = ["--import", "tsx", "feature.js"];
    const { stdout } = await run(process.execPath, args, { cwd: folder });
    assert.equal(stdout, "Message text was: hi\n");
  });
});
