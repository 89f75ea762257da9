// Clients that share no code with this project: Debian's python3-websockets, as a library and as
// the command-line client that comes with it, against main.ts in a process of its own.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify, stripVTControlCharacters } from "node:util";
import { type AppProcess, startApp } from "../support/app-process.ts";

const PYTHON = "/usr/bin/python3"; // the system's, which has the system's packages
const PROGRAM_MS = 30_000;
const WAIT_MS = 10_000;
// nothing else is inherited: a proxy that happens to be set must not come between
const env = { PATH: process.env.PATH, PYTHONUTF8: "1", PYTHONUNBUFFERED: "1" };

let app: AppProcess;
before(async () => {
  app = await startApp();
});
after(() => app.stop());

test("a Python client is answered by the echo, in order and whole", async () => {
  const texts = ["hello", "", "grüße 🙂", "x".repeat(20_000), "last"];
  const lines = await python("echo.py", ws("/ws/"), ...texts);
  const code = lines.pop();
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    texts.map((text) => `Message text was: ${text}`),
  );
  assert.equal(code, "1000");
});

test("two Python clients hear each other in the room, and one hears the other leave", async () => {
  assert.deepEqual(await python("room.py", ws("/chat/")), [
    "7 hears: You wrote: anyone?",
    "7 hears: Client #7 says: anyone?",
    "ada hears: You wrote: me",
    "ada hears: Client #ada says: me",
    "7 hears: Client #ada says: me",
    "7 hears: You wrote: hello ada",
    "7 hears: Client #7 says: hello ada",
    "ada hears: Client #7 says: hello ada",
    "7 hears: Client #ada left the chat",
  ]);
});

test("a Python client sees the status that refuses a handshake", async () => {
  const urls = [ws("/ws"), ws("/nowhere"), ws("/chat/"), ws(`/chat/${"x".repeat(65)}`)];
  assert.deepEqual(await python("refused.py", ...urls), ["403", "403", "403", "400"]);
});

test("the command-line client talks to the echo", async (t) => {
  const terminal = new Terminal(t, ws("/ws/"));
  await terminal.shows(`Connected to ${ws("/ws/")}.`);
  terminal.type("hello");
  await terminal.shows("< Message text was: hello");
  terminal.type("and again");
  await terminal.shows("< Message text was: and again");
  terminal.endInput();
  await terminal.shows("Connection closed: 1000 (OK).");
});

test("command-line clients talk in the room, and it hears one that leaves and one that dies", async (t) => {
  const ann = new Terminal(t, ws("/chat/ann"));
  ann.type("anyone?");
  await ann.shows("< You wrote: anyone?");
  await ann.shows("< Client #ann says: anyone?");

  const bob = new Terminal(t, ws("/chat/bob"));
  bob.type("me");
  await bob.shows("< You wrote: me");
  await bob.shows("< Client #bob says: me");
  await ann.shows("< Client #bob says: me");

  const cyd = new Terminal(t, ws("/chat/cyd"));
  cyd.type("me too");
  for (const terminal of [ann, bob, cyd]) await terminal.shows("< Client #cyd says: me too");

  bob.endInput();
  await bob.shows("Connection closed: 1000 (OK).");
  await ann.shows("< Client #bob left the chat");

  cyd.kill();
  await ann.shows("< Client #cyd left the chat");

  ann.type("alone again");
  await ann.shows("< Client #ann says: alone again");
});

test("the command-line client is told that a path without its slash is refused", async (t) => {
  const terminal = new Terminal(t, ws("/ws"));
  await terminal.shows(/^Failed to connect to .*HTTP 403/);
});

function ws(path: string): string {
  return new URL(path, app.url.replace("http", "ws")).href;
}

/** Runs a program of this directory and gives the lines it printed. */
async function python(program: string, ...args: string[]): Promise<string[]> {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const { stdout } = await promisify(execFile)(PYTHON, [path, ...args], {
    env,
    timeout: PROGRAM_MS,
    killSignal: "SIGKILL",
  });
  return stdout.trimEnd().split("\n");
}

/** `python3 -m websockets URL`, with somebody typing. */
class Terminal {
  readonly #child;
  #shown: string[] = [];
  #ended = false;
  #changed = () => {};

  constructor(t: TestContext, url: string) {
    const child = spawn(PYTHON, ["-m", "websockets", url], { env });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      let rest = "";
      stream.setEncoding("utf8").on("data", (text: string) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        this.#shown.push(...lines.map(plain));
        this.#changed();
      });
    }
    const closed = once(child, "close").finally(() => {
      this.#ended = true;
      this.#changed();
    });
    child.stdin.on("error", () => {}); // it may have ended by itself: what it showed tells why
    t.after(async () => {
      child.kill("SIGKILL");
      await closed;
    });
  }

  /** Types a line. */
  type(text: string): void {
    this.#child.stdin.write(`${text}\n`);
  }

  /** Types Ctrl-D. */
  endInput(): void {
    this.#child.stdin.end();
  }

  /** Ends it without a word to the server. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Waits for a line, and forgets it and what came before. */
  async shows(wanted: string | RegExp): Promise<void> {
    const deadline = AbortSignal.timeout(WAIT_MS);
    deadline.addEventListener("abort", () => this.#changed());
    const fits = (line: string) =>
      typeof wanted === "string" ? line === wanted : wanted.test(line);
    while (true) {
      const index = this.#shown.findIndex(fits);
      if (index >= 0) {
        this.#shown.splice(0, index + 1);
        return;
      }
      if (this.#ended || deadline.aborted) {
        const why = this.#ended ? "ended" : `waited ${WAIT_MS} ms`;
        assert.fail(`${why} without ${wanted}; it showed ${JSON.stringify(this.#shown)}`);
      }
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }
}

/** A line without what moves the cursor and without the prompt, which may stand before it. */
function plain(line: string): string {
  return stripVTControlCharacters(line)
    .replaceAll("\u001b", "")
    .replace(/^[\r78> ]*(?=<|Connected|Connection|Failed)/, "");
}
