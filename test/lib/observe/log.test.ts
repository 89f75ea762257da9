// Whoever reads the log is not who is served: it may stop, die, or be a disk that is full.

import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { LOG_LIMITS, LogOutput } from "../../../lib/observe/log.ts";
import { until, within } from "../../support/within.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** At some 190 bytes a line, several times what a pipe and the log hold together. */
const REQUESTS = 20_000;
const END_MS = 20_000;
/** What the kernel's pipe and the streams of this process hold, at most. */
const ON_THE_WAY_BYTES = 1024 * 1024;

const directory = mkdtempSync(join(tmpdir(), "log-"));
after(() => rmSync(directory, { recursive: true }));

interface Line {
  readonly event?: string;
  readonly lines?: number;
  readonly n?: number;
}

/** A program whose standard output is read, or not, as the test says. */
class Logging {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  text = "";

  constructor(args: string[], stdout: "pipe" | number = "pipe") {
    this.child = spawn(process.execPath, ["--import", "tsx", ...args], {
      cwd: ROOT,
      env: { ...process.env, PORT: "0", GRACE_SECONDS: "2" },
      stdio: ["ignore", stdout, "ignore"],
    });
    after(() => this.child.kill("SIGKILL"));
    this.exit = once(this.child, "exit").then(([code]) => code);
    this.child.stdout?.setEncoding("utf8").on("data", (chunk) => {
      this.text += chunk;
    });
  }

  static program(source: string, stdout: "pipe" | number = "pipe"): Logging {
    const start = `import { createLog } from "koa-subapps"; const log = createLog();`;
    return new Logging(["--input-type=module", "--eval", `${start}\n${source}`], stdout);
  }

  /** A `main.ts` whose log nobody reads once it has said where it is. */
  static async unread(): Promise<{ app: Logging; port: number }> {
    const app = new Logging(["main.ts"]);
    const port = await app.port();
    app.child.stdout?.pause();
    return { app, port };
  }

  /** Its port, which the log says first. */
  async port(text = () => this.text): Promise<number> {
    const url = /http:\/\/127\.0\.0\.1:(\d+)\//;
    await until(() => url.test(text()), "the URL", END_MS);
    return Number(url.exec(text())?.[1]);
  }

  /** Its exit code. */
  ends(): Promise<number | null> {
    return within(this.exit, "the process to end", END_MS);
  }

  /** All its lines, once it has ended and all is read. */
  async lines(): Promise<Line[]> {
    const { stdout } = this.child;
    stdout?.resume();
    if (stdout?.readableEnded === false) await within(once(stdout, "end"), "the end of the log");
    return linesOf(this.text);
  }
}

function linesOf(text: string): Line[] {
  assert.ok(text === "" || text.endsWith("\n"), "the last line is whole");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

function lostIn(lines: Line[]): number {
  return lines.reduce(
    (sum, { event, lines }) => sum + (event === "log-lost" ? Number(lines) : 0),
    0,
  );
}

/** What is in a pipe now. */
function readAll(fd: number, buffer: Buffer): string {
  try {
    return buffer.toString("utf8", 0, readSync(fd, buffer));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return "";
    throw error;
  }
}

/** Asks many times on one connection, and waits for every answer. */
async function ask(port: number, times: number): Promise<void> {
  const socket = connect(port, "127.0.0.1").setEncoding("utf8");
  let answers = 0;
  socket.on("data", (text: string) => {
    answers += text.match(/HTTP\/1\.1 200/g)?.length ?? 0;
  });
  const request = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
  for (let i = 0; i < times; i += 100) {
    socket.write(request.repeat(Math.min(100, times - i)));
    await until(
      () => answers === Math.min(i + 100, times),
      () => `answer ${i + 100}, not ${answers}`,
    );
  }
  socket.destroy();
}

describe("a log that nobody reads", () => {
  test("holds up neither the answers nor the end", async () => {
    const { app, port } = await Logging.unread();
    await ask(port, REQUESTS);
    app.child.kill("SIGTERM");
    assert.equal(await app.ends(), 0);
  });

  test("does not hold up a second signal", async () => {
    const { app, port } = await Logging.unread();
    await ask(port, REQUESTS);
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    app.child.kill("SIGTERM");
    app.child.kill("SIGINT");
    assert.equal(await app.ends(), 130);
    socket.destroy();
  });

  test("says how many lines were lost once somebody reads again, and loses no other", async () => {
    const { app, port } = await Logging.unread();
    await ask(port, REQUESTS);
    const heldBytes = app.text.length;
    app.child.stdout?.resume();
    await until(() => app.text.includes('"log-lost"'), "a line that says so", END_MS);
    await ask(port, 10);
    assert.ok(app.text.length - heldBytes < LOG_LIMITS.maxBytes + ON_THE_WAY_BYTES);
    app.child.kill("SIGTERM");
    assert.equal(await app.ends(), 0);
    const lines = await app.lines();
    const requests = lines.filter(({ event }) => event === "request");
    assert.equal(requests.length + lostIn(lines), REQUESTS + 10);
    assert.equal(lines.at(-1)?.event, "stopped");
  });

  test("because its reader has died ends nothing", async () => {
    const { app, port } = await Logging.unread();
    app.child.stdout?.destroy();
    await ask(port, REQUESTS);
    app.child.kill("SIGTERM");
    assert.equal(await app.ends(), 0);
  });
});

test("a disk that is full ends nothing", async () => {
  const source = `for (let n = 1; n <= 10_000; n++) log.info({ n });
    setTimeout(() => process.exit(3), 2 * ${LOG_LIMITS.waitMs});`;
  const run = Logging.program(source, openSync("/dev/full", "w"));
  assert.equal(await run.ends(), 3);
});

test("the count of what was lost stands where the lines are missing, whatever the level", async () => {
  const path = join(directory, "fifo");
  execFileSync("mkfifo", [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const output = new LogOutput(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
  const log = pino({ base: null, level: "error" }, output);
  const text = "x".repeat(200);
  const write = (from: number, count: number) => {
    for (let n = from; n < from + count; n++) log.error({ n, text });
  };
  write(1, REQUESTS);
  const buffer = Buffer.alloc(LOG_LIMITS.maxBytes);
  let came = "";
  const comes = (what: RegExp) =>
    until(() => {
      came += readAll(reader, buffer);
      return what.test(came);
    }, `${what}`);
  await comes(/"log-lost".*\n/);
  write(REQUESTS + 1, 1);
  await comes(new RegExp(`"n":${REQUESTS + 1},.*\n`));
  const lines = linesOf(came);
  const lost = lostIn(lines);
  const kept = REQUESTS - lost;
  const whole = Array.from({ length: kept }, (_, i) => i + 1);
  assert.ok(kept > 0 && lost > 0);
  assert.deepEqual(
    lines.map(({ n, event }) => n ?? event),
    [...whole, "log-lost", REQUESTS + 1],
  );
});

describe("all lines are out", () => {
  const ends: [string, string, number][] = [
    ["that has nothing left to do", "", 0],
    ["that calls process.exit", "process.exit(3);", 3],
    ["of an uncaught error", "setImmediate(() => { throw new Error(); });", 1],
    ["of a rejection that nobody handles", "void Promise.reject(new Error());", 1],
    ["of an error where it is loaded", "throw new Error();", 1],
  ];
  for (const [what, source, expected] of ends) {
    test(`at the end of a process ${what}`, async () => {
      const run = Logging.program(`for (let n = 1; n <= 50; n++) log.info({ n });\n${source}`);
      assert.equal(await run.ends(), expected);
      const lines = await run.lines();
      assert.deepEqual(
        lines.map(({ n }) => n),
        Array.from({ length: 50 }, (_, i) => i + 1),
      );
    });
  }

  test("soon, of a process that goes on", async () => {
    const run = Logging.program(`log.info({ n: 1 }); setInterval(() => {}, 60_000);`);
    await until(() => run.text.endsWith("\n"), "a line", END_MS);
  });

  test("in a file, when standard output is one", async () => {
    const path = join(directory, "out.log");
    const app = new Logging(["main.ts"], openSync(path, "w"));
    const port = await app.port(() => readFileSync(path, "utf8"));
    await ask(port, 500);
    app.child.kill("SIGTERM");
    assert.equal(await app.ends(), 0);
    const lines = linesOf(readFileSync(path, "utf8"));
    assert.equal(lines.filter(({ event }) => event === "request").length, 500);
    assert.equal(lines.at(-1)?.event, "stopped");
  });
});
