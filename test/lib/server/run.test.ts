import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { after, describe, test } from "node:test";
import { WebSocket } from "ws";

const DEADLINE_MS = 20_000;

interface Run {
  readonly child: ChildProcess;
  readonly output: { out: string; err: string };
  readonly exit: Promise<number | null>;
}

/** Runs a program that imports the framework, as `main.ts` does. */
function start(program: string, env: Record<string, string> = {}): Run {
  const source = `import { App, run } from "koa-subapps";\n${program}`;
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "--eval", source],
    { cwd: new URL("../../../", import.meta.url), env: { ...process.env, PORT: "0", ...env } },
  );
  after(() => child.kill("SIGKILL"));
  const output = { out: "", err: "" };
  child.stdout?.on("data", (chunk) => {
    output.out += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    output.err += chunk;
  });
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const exit = once(child, "close", { signal }).then(([code]) => code);
  return { child, output, exit };
}

async function url({ child, output }: Run): Promise<string> {
  for (;;) {
    const match = output.out.match(/http:\/\/127\.0\.0\.1:\d+\//);
    if (match) return match[0];
    await once(child.stdout as NodeJS.ReadableStream, "data", {
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
  }
}

const STUBBORN = `const app = new App();
app.websocket("/", () => new Promise(() => {}));
app.lifespan(async function* () { yield; console.log("lifespan stopped"); });
await run(app);`;

describe("the process", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`on ${signal} gives clients 1012 and exits 0, even if a handler never ends`, async () => {
      const run = start(STUBBORN, { GRACE_SECONDS: "1" });
      const ws = new WebSocket((await url(run)).replace("http", "ws"));
      await once(ws, "open");
      const closed = once(ws, "close");
      run.child.kill(signal);
      assert.equal((await closed)[0], 1012);
      assert.equal(await run.exit, 0);
      assert.match(run.output.out, /lifespan stopped/);
      assert.equal(run.output.err, "");
    });
  }

  test("on a second signal exits 130 at once", async () => {
    const run = start(STUBBORN, { GRACE_SECONDS: "60" });
    const ws = new WebSocket((await url(run)).replace("http", "ws"));
    await once(ws, "open");
    const closed = once(ws, "close");
    run.child.kill("SIGTERM");
    await closed;
    run.child.kill("SIGTERM");
    assert.equal(await run.exit, 130);
  });

  test("with a bad value prints one line that names it and exits 2", async () => {
    const run = start("await run(new App());", { PORT: "eighty" });
    assert.equal(await run.exit, 2);
    assert.equal(
      run.output.err,
      'PORT: expected a whole number from 0 to 65535, but got "eighty"\n',
    );
    assert.equal(run.output.out, "");
  });

  test("with a host that is not this machine's prints one line and exits 2", async () => {
    const run = start("await run(new App());", { HOST: "192.0.2.1" });
    assert.equal(await run.exit, 2);
    assert.match(run.output.err, /^HOST: expected an address of this machine[^\n]*\n$/);
  });

  test("with its port in use prints one line and exits 3", async () => {
    const server = net.createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const run = start("await run(new App());", { PORT: String(port) });
    assert.equal(await run.exit, 3);
    assert.match(
      run.output.err,
      new RegExp(`^PORT: expected a free port, but ${port} is in use[^\\n]*\\n$`),
    );
  });

  test("with a lifespan that fails prints the error and exits 1", async () => {
    const run = start(`const app = new App();
      app.lifespan(async function* () { throw new Error("no database"); });
      await run(app);`);
    assert.equal(await run.exit, 1);
    assert.match(run.output.err, /Error: no database/);
  });
});
