import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { App, serve } from "koa-subapps";
import { WebSocket } from "ws";
import { ServedProgram } from "../../support/served-program.ts";
import { within } from "../../support/within.ts";

/** An app whose lifespan says what happens to it. */
const NAMED = `const named = (name, start = async () => {}) =>
  new App().lifespan(async function* () {
    console.log(name + " starts");
    await start();
    yield;
    console.log(name + " stopped");
  });
`;

const stops = ({ output }: ServedProgram) => output.out.match(/\w+ stopped/g) ?? [];

describe("a signal during the start", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`(${signal}) stops what has started, in reverse, starts no more, and exits 0`, async () => {
      const program = new ServedProgram(
        `${NAMED}const app = named("root").mount("/a", named("a"));
        app.mount("/slow", named("slow", () => new Promise((resolve) => setTimeout(resolve, 60_000))));
        app.mount("/b", named("b"));
        await run(app);`,
        { GRACE_SECONDS: "1" },
      );
      await program.prints(/slow starts/);
      program.child.kill(signal);
      assert.equal(await program.exit, 0);
      assert.deepEqual(stops(program), ["a stopped", "root stopped"]);
      assert.doesNotMatch(program.output.out, /b starts|listening/);
      assert.equal(program.output.err, "");
    });
  }

  test("lets the start that is under way end, and stops it as well", async () => {
    const program = new ServedProgram(
      `${NAMED}const told = () => new Promise((resolve) => process.once("SIGTERM", resolve));
      await run(named("root").mount("/slow", named("slow", async () => {
        const timer = setTimeout(() => {}, 60_000);
        await told();
        clearTimeout(timer);
      })));`,
    );
    await program.prints(/slow starts/);
    program.child.kill("SIGTERM");
    assert.equal(await program.exit, 0);
    assert.deepEqual(stops(program), ["slow stopped", "root stopped"]);
  });

  test("exits 1 and prints the error of a start that fails then", async () => {
    const program = new ServedProgram(
      `${NAMED}await run(named("root").mount("/slow", named("slow", () => new Promise((_, reject) => {
        const timer = setTimeout(() => {}, 60_000);
        process.once("SIGTERM", () => { clearTimeout(timer); reject(new Error("no database")); });
      }))));`,
    );
    await program.prints(/slow starts/);
    program.child.kill("SIGTERM");
    assert.equal(await program.exit, 1);
    assert.match(program.output.err, /Error: no database/);
    assert.deepEqual(stops(program), ["root stopped"]);
  });

  test("a second one exits 130 at once", async () => {
    const program = new ServedProgram(
      `${NAMED}process.on("SIGTERM", () => console.log("heard"));
      await run(named("slow", () => new Promise((resolve) => setTimeout(resolve, 60_000))));`,
      { GRACE_SECONDS: "60" },
    );
    await program.prints(/slow starts/);
    program.child.kill("SIGTERM");
    await program.prints(/heard/);
    program.child.kill("SIGTERM");
    assert.equal(await program.exit, 130);
  });

  test("given to serve ends its start with the signal's reason", async () => {
    const life: string[] = [];
    const started = new AbortController();
    const app = new App().lifespan(async function* () {
      life.push("start");
      yield;
      life.push("stop");
    });
    app.lifespan(async function* () {
      started.abort(new Error("enough"));
      yield;
    });
    app.lifespan(async function* () {
      life.push("never");
      yield;
    });
    await assert.rejects(serve(app, { port: 0, signal: started.signal }), /enough/);
    assert.deepEqual(life, ["start", "stop"]);
    await assert.rejects(serve(app, { port: 0, signal: AbortSignal.abort() }), /aborted/);
    assert.deepEqual(life, ["start", "stop"]);
  });
});

/** A feature that fails in ways that nobody can catch, and one beside it. */
const FAILING = `const app = new App({ asyncLocalStorage: true });
app.lifespan(async function* () { yield; console.log("lifespan stopped"); });
app.websocket("/echo", async (socket) => { for await (const text of socket) await socket.send(text); });
app.websocket("/fail/:how", async (socket, ctx) => {
  const error = new Error("boom", { cause: new Error("the cause") });
  const odd = ctx.params.how === "odd" ? "no error" : error;
  if (ctx.params.how === "throw") setTimeout(() => { throw error; });
  else setTimeout(async () => { throw odd; });
  await socket.closed;
  if (ctx.params.how === "twice") await new Promise(() => setTimeout(() => { throw new Error("second"); }));
});
`;

async function connect(url: string, path: string): Promise<WebSocket> {
  const ws = new WebSocket(url.replace("http", "ws") + path);
  await within(once(ws, "open"), `a connection at ${path}`);
  return ws;
}

describe("an error that nobody catches", () => {
  for (const [how, origin, message] of [
    ["throw", "uncaughtException", /^boom/],
    ["reject", "unhandledRejection", /^boom/],
    ["odd", "unhandledRejection", /no error/],
  ] as const) {
    test(`(${how}) is logged whole, once, with where it came from; then run drains and exits 4`, async () => {
      const program = new ServedProgram(`${FAILING}await run(app);`);
      const url = await program.url();
      const neighbour = await connect(url, "echo");
      const closed = once(neighbour, "close");
      await connect(url, `fail/${how}?token=secret`);
      assert.equal((await closed)[0], 1012);
      assert.equal(await program.exit, 4);
      assert.match(program.output.out, /lifespan stopped/);
      assert.equal(program.output.err, "");
      const [line, ...more] = program.events("uncaught");
      assert.deepEqual(more, []);
      const { err, ...fields } = line as { err: { message: string; stack: string } };
      assert.match(err.message, message);
      assert.match(err.stack, how === "odd" ? /no error/ : /the cause/);
      assert.deepEqual(
        { ...fields, time: 0, msg: "", at: "" },
        {
          level: 50,
          time: 0,
          event: "uncaught",
          origin,
          at: "",
          path: `/fail/${how}`,
          msg: "",
          method: "GET",
        },
      );
      if (how !== "odd") assert.match(String((line as { at: string }).at), /eval1\]:\d+/);
      assert.doesNotMatch(program.output.out, /secret/);
    });
  }

  test("exits 4 at once when it is the second", async () => {
    const program = new ServedProgram(`${FAILING}await run(app);`, { GRACE_SECONDS: "600" });
    await connect(await program.url(), "fail/twice");
    assert.equal(await program.exit, 4);
    assert.equal(program.events("uncaught").length, 2);
    assert.doesNotMatch(program.output.out, /lifespan stopped/);
  });

  test("during the start stops what has started, and exits 4", async () => {
    const program = new ServedProgram(
      `${NAMED}await run(named("root").mount("/slow", named("slow", async () => {
        void Promise.reject(new Error("boom"));
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      })));`,
      { GRACE_SECONDS: "1" },
    );
    assert.equal(await program.exit, 4);
    assert.deepEqual(stops(program), ["root stopped"]);
    assert.equal(program.events("uncaught").length, 1);
  });

  test("during the drain of a signal lets it end, and exits 4", async () => {
    const program = new ServedProgram(
      `const app = new App();
      app.lifespan(async function* () { yield; void Promise.reject(new Error("late")); });
      app.lifespan(async function* () { yield; console.log("lifespan stopped"); });
      await run(app);`,
    );
    await program.url();
    program.child.kill("SIGTERM");
    assert.equal(await program.exit, 4);
    assert.match(program.output.out, /lifespan stopped/);
  });

  test("is printed although the log is silent", async () => {
    const program = new ServedProgram(
      `setTimeout(() => { throw new Error("boom"); });
      await run(new App());`,
      { LOG_LEVEL: "silent" },
    );
    assert.equal(await program.exit, 4);
    assert.match(program.output.err, /^Error: boom\n\s+at /);
  });

  test("is left to the program that calls serve", async () => {
    const program = new ServedProgram(
      `process.on("uncaughtException", (error) => { console.log("mine: " + error.message); process.exit(7); });
      await serve(new App(), { port: 0 });
      void Promise.reject(new Error("boom"));`,
    );
    assert.equal(await program.exit, 7);
    assert.match(program.output.out, /mine: boom/);
    assert.equal(program.events("uncaught").length, 0);
  });
});
