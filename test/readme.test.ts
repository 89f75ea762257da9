// What README.md and docs/ show is run, and what they claim in tables is compared with the code.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { dirname, join, relative } from "node:path";
import { after, before, describe, test } from "node:test";
import { WebSocket } from "ws";
import { App, closeCodes, Hub, readConfig } from "../lib/index.ts";
import { EXIT } from "../lib/server/run.ts";
import { TestClient } from "../lib/testing/index.ts";
import { type Document, type Fence, parseMarkdown } from "./support/markdown.ts";
import { Program } from "./support/program.ts";
import { filesOf, type Project, ROOT, type Snippets, writeSnippets } from "./support/snippets.ts";

const PYTHON = "/usr/bin/python3"; // the system's, which has the system's packages
const WAIT_MS = 10_000;
const MAX_README_LINES = 250;
const MAX_IMAGE_BYTES = 150_000;
const SHOWN_AT = /127\.0\.0\.1:8000/g;

const documents = ["README.md", ...list("docs", ".md")].map((path) =>
  parseMarkdown(path, readFileSync(join(ROOT, path), "utf8")),
);
const readme = documents[0] as Document;
const fences = documents.flatMap((document) => document.fences);
const { scripts, dependencies, optionalDependencies } = JSON.parse(
  readFileSync(join(ROOT, "package.json"), "utf8"),
);

let snippets: Snippets;
before(async () => {
  snippets = await writeSnippets(inLanguage("ts"));
});
after(async () => {
  await snippets?.[Symbol.asyncDispose]();
});

describe("the documents", () => {
  test(`have a README of at most ${MAX_README_LINES} lines`, () => {
    assert.ok(readme.source.split("\n").length - 1 <= MAX_README_LINES);
  });

  test("show nothing in a language that is not checked here", () => {
    for (const { language, at } of fences) {
      assert.ok(["sh", "ts", "python", "ini"].includes(language), `${at}: ${language}`);
    }
  });

  test("link to files and headings that are there", () => {
    for (const { path, targets } of documents) {
      for (const target of targets.filter((each) => !each.startsWith("https://"))) {
        const [file = "", anchor] = target.split("#", 2);
        const found = file === "" ? path : join(dirname(path), file);
        assert.ok(existsSync(join(ROOT, found)), `${path} links to ${target}`);
        if (anchor === undefined) continue;
        const anchors = documents.find((document) => document.path === found)?.anchors;
        assert.ok(anchors?.has(anchor), `${path} links to ${target}`);
      }
    }
  });

  test("have images that are small, real and described", () => {
    const images = documents.flatMap(({ path, images }) =>
      images.map(({ source, alt }) => ({ source: join(dirname(path), source), alt })),
    );
    assert.ok(images.length > 0);
    for (const { source, alt } of images) {
      const bytes = readFileSync(join(ROOT, source));
      const begins = source.endsWith(".svg") ? "<svg" : "\x89PNG";
      assert.equal(bytes.subarray(0, 4).toString("latin1"), begins, source);
      assert.ok(bytes.length > 1_000 && bytes.length < MAX_IMAGE_BYTES, source);
      assert.ok(alt.length > 20, source);
    }
  });
});

describe("the TypeScript in the documents", () => {
  test("passes the type checker under the project's own rules", async () => {
    const tsconfig = join(snippets.directory, "tsconfig.json");
    const files = snippetFiles();
    await writeFile(
      tsconfig,
      JSON.stringify({
        extends: join(ROOT, "tsconfig.json"),
        files: [...files, join(ROOT, "lib/route/koa-easy-ws.d.ts")],
        include: [],
      }),
    );
    await succeeds(`npx --no-install tsc -p ${tsconfig}`, snippets.directory);
  });

  test("keeps to the project's format and lint rules", async () => {
    const files = snippetFiles().join(" ");
    await succeeds(
      `npx --no-install biome check --assist-enabled=false --vcs-use-ignore-file=false ${files}`,
      ROOT,
    );
  });

  test("has tests that pass by the command that is shown", async () => {
    const tests = snippets.projects.flatMap((project) =>
      [...project.files.keys()]
        .filter((path) => path.endsWith(".test.ts"))
        .map((path) => ({ project, path })),
    );
    assert.ok(tests.length >= 3);
    for (const { project, path } of tests) {
      const file = relative(ROOT, join(project.directory, path));
      const output = await succeeds(`${scripts.test} ${file}`, ROOT);
      assert.match(output, /pass [1-9]/, path);
      assert.match(output, /fail 0/, path);
    }
  });
});

describe("FastAPI's examples and their twins", () => {
  test("are sound Python", async () => {
    for (const fence of inLanguage("python")) {
      for (const [path, text] of await filesOf(fence)) {
        const command = `${PYTHON} -c 'import ast, sys; ast.parse(sys.stdin.read())'`;
        await using program = new Program(command, { cwd: ROOT, input: text });
        program.endInput();
        const { code, output } = await program.ends();
        assert.equal(code, 0, `${fence.at} ${path}: ${output}`);
      }
    }
  });

  test("show the echo app as it is, no longer than its twin", async () => {
    const { path, text } = await shown("ts", /Message text was/, /^apps\/echo\//);
    assert.equal(text, readFileSync(join(ROOT, path), "utf8"));
    const twin = await shown("python", /Message text was/, /^apps\/echo/);
    assert.ok(linesOf(text) <= linesOf(twin.text), `${linesOf(text)} > ${linesOf(twin.text)}`);
  });

  for (const [what, path, file] of [
    ["a sub-application", "/ws/", "main.ts"],
    ["one file", "/ws", "one-file.ts"],
    ["a handler from another file", "/ws", "two-files.ts"],
  ] as const) {
    test(`answer as the tutorial's echo does: ${what}`, async () => {
      const first = path === "/ws/" ? "apps/echo/index.ts" : file;
      await running(projectWith(first), file, async (url) => {
        await using socket = await Client.connect(url, path);
        socket.send("hi");
        assert.equal(await socket.receive(), "Message text was: hi");
      });
    });
  }

  test("have the tutorial's transcript with many clients", async () => {
    const project = snippets.projects.find(({ fence }) => fence.text.includes("new Hub()"));
    await running(project, "main.ts", async (url) => {
      await using ann = await Client.connect(url, "/ws/1");
      const bob = await Client.connect(url, "/ws/2");
      bob.send("hi");
      assert.equal(await bob.receive(), "You wrote: hi");
      assert.equal(await bob.receive(), "Client #2 says: hi");
      assert.equal(await ann.receive(), "Client #2 says: hi");
      await bob[Symbol.asyncDispose]();
      assert.equal(await ann.receive(), "Client #2 left the chat");
    });
  });
});

describe("FastAPI's background task and its twin", () => {
  const kindFile = "apps/tasks/kinds/notification.ts";

  test("are as short: a kind of task is one function", async () => {
    const twin = await shown("python", /BackgroundTasks/, /^main\.py/);
    const files = [...projectWith(kindFile).fence.text.split("\n")].filter((line) => line !== "");
    assert.ok(files.length <= linesOf(twin.text), `${files.length} > ${linesOf(twin.text)}`);
  });

  test("write the tutorial's file, and ours tells when it has", async () => {
    const project = projectWith(kindFile);
    await copyFile(join(ROOT, "main.ts"), join(project.directory, "main.ts"));
    await running(project, "main.ts", async (url) => {
      const response = await fetch(new URL("/tasks/notification?email=ada@example.org", url), {
        ...timely(),
        method: "POST",
        body: "some notification",
      });
      assert.equal(response.status, 202);
      const { events } = (await response.json()) as { events: string };
      await using socket = await Client.connect(events, "");
      for (let status = ""; status !== "succeeded"; ) {
        ({ status } = JSON.parse(await socket.receive()));
        assert.match(status, /^(queued|running|succeeded)$/);
      }
      const log = await readFile(join(project.directory, "log.txt"), "utf8");
      assert.equal(log, "notification for ada@example.org: some notification");
    });
  });
});

describe("the programs in the documents", () => {
  test("mount the hello app with the two lines that are shown, and the client commands name its address", async () => {
    await running(projectWith("apps/hello/index.ts"), "main.ts", async (url) => {
      await using socket = await Client.connect(url, "/hello/ada");
      assert.equal(await socket.receive(), "Hello, ada");
      for (const line of commands().filter((each) => each.includes("ws://"))) {
        const address = /ws:\/\/\S+/.exec(at(line, url))?.[0] ?? "";
        await using other = await Client.connect(address, "");
        assert.equal(await other.receive(), "Hello, ada");
        if (!line.startsWith("python3 ")) continue;
        const command = at(line, url).replace("python3", PYTHON);
        await using program = new Program(command, { cwd: ROOT, input: "hi\n" });
        await program.prints(/Hello, ada/);
        await program.prints(/You said: hi/);
      }
    });
  });

  test("mount an app at a prefix with a parameter, and link to it", async () => {
    await running(projectWith("apps/board/index.ts"), "main.ts", async (url) => {
      const response = await fetch(new URL("/orgs/acme/", url), timely());
      const link = await response.text();
      assert.equal(link, `${url.replace("http", "ws")}orgs/acme/live`);
      await using socket = await Client.connect(link, "");
      assert.equal(await socket.receive(), "acme at /orgs/acme");
    });
  });

  test("give a client of a room what it has missed", async () => {
    await running(projectWith("apps/news/index.ts"), "main.ts", async (url) => {
      const ann = await Client.connect(url, "/news/today");
      const { epoch } = JSON.parse(await ann.receive());
      for (const text of ["one", "two"]) {
        ann.send(text);
        assert.equal(JSON.parse(await ann.receive()).data, text);
      }
      await ann[Symbol.asyncDispose]();
      await using back = await Client.connect(url, `/news/today?epoch=${epoch}&offset=1`);
      assert.deepEqual(JSON.parse(await back.receive()), { epoch, offset: 1, recovered: true });
      assert.deepEqual(JSON.parse(await back.receive()), { offset: 2, data: "two" });
      await using late = await Client.connect(url, "/news/today?epoch=another&offset=1");
      assert.equal(JSON.parse(await late.receive()).recovered, false);
    });
  });

  test("guard a mount by middleware that is written for HTTP", async () => {
    const project = snippets.projects.find(({ fence }) => fence.text.includes("X-Checked"));
    await running(project, "main.ts", async (url) => {
      await assert.rejects(Client.connect(url, "/ws/"), /401/);
      await using socket = await Client.connect(url, "/ws/?token=secret");
      assert.equal(socket.headers["x-checked"], "yes");
    });
  });

  test("put a sub-app into a plain Koa application", async () => {
    const project = projectWith("server.ts");
    // The same program, on a free port that it tells.
    const tell = `server.once("listening", () => console.log(\`http://127.0.0.1:\${(server.address() as any).port}/\`));`;
    const text = project.files.get("server.ts")?.replace("listen(8000", "listen(0");
    await writeFile(join(project.directory, "server.ts"), `${text}${tell}\n`);
    await using program = new Program("exec node --import tsx server.ts", {
      cwd: project.directory,
    });
    await using socket = await Client.connect(await urlOf(program), "/ws/");
    socket.send("hi");
    assert.equal(await socket.receive(), "Message text was: hi");
  });

  test("talk to the running server from Python", async () => {
    const { text } = await shown("python", /import websockets/, /talk\.py/);
    await using server = new Program("exec node --import tsx main.ts", free(ROOT));
    const source = at(text, await urlOf(server));
    await using program = new Program(`${PYTHON} -`, { cwd: ROOT, input: source });
    program.endInput();
    assert.deepEqual(await program.ends(), { code: 0, output: "Message text was: hi\n" });
  });
});

describe("the commands in the documents", () => {
  test("are all known here, and their npm scripts exist", () => {
    const known =
      /^(npm ci|npm (start|test)|npm test -- test\/\S+\.(?:test|load)\.ts|npm run \w+(?: -- .+)?|node --import tsx main\.ts|node dist\/main\.js|npx wscat -c ws:\S+|python3 -m websockets ws:\S+)$/;
    for (const line of commands()) {
      for (const command of line.replace(/ +# .*/, "").split(" && ")) {
        assert.match(command, known);
        const script = /^npm (?:run )?(?!ci)(\w+)/.exec(command)?.[1];
        if (script) assert.ok(scripts[script], command);
      }
    }
    for (const [, script] of allText().matchAll(/npm run (\w+)/g)) {
      assert.ok(scripts[script ?? ""], script);
    }
  });

  test("install every system package that the tests need", () => {
    const prepare = readFileSync(join(ROOT, "test/support/prepare.mjs"), "utf8");
    const line = /`(sudo apt-get [^`]*)`/.exec(readme.source)?.[1] ?? "";
    for (const [, name] of prepare.matchAll(/package: "([^"]+)"/g)) {
      assert.ok(line.split(" ").includes(name ?? ""), `${name} is not in ${line}`);
    }
  });

  test("start the page and the echo: npm start", async () => {
    assert.ok(commands().some((line) => line.startsWith("npm ci && npm start")));
    await using program = new Program("npm start", free(ROOT));
    await servesPageAndEcho(await urlOf(program));
  });

  test("start the page and the echo without tsx: what npm run build writes", async () => {
    assert.ok(readme.source.includes("`npm run build && node dist/main.js`"));
    const dist = join(snippets.directory, "dist");
    await succeeds(`npm run build -- --outDir ${dist}`, ROOT);
    await using program = new Program("exec node dist/main.js", free(snippets.directory));
    await servesPageAndEcho(await urlOf(program));
    program.signal("SIGTERM");
    assert.equal((await program.ends()).code, EXIT.drained);
  });

  test("are the ones that the service unit runs", () => {
    const [unit] = inLanguage("ini");
    assert.match(unit?.text ?? "", /^ExecStart=\/usr\/bin\/node dist\/main\.js$/m);
    const grace = Number(/GRACE_SECONDS=(\d+)/.exec(unit?.text ?? "")?.[1]);
    const stop = Number(/TimeoutStopSec=(\d+)/.exec(unit?.text ?? "")?.[1]);
    assert.ok(stop > grace);
  });
});

describe("the tables in the documents", () => {
  test("have every variable of the environment with its default", () => {
    const read = new Set<string>();
    const record = { get: (_: object, name: string) => void read.add(name) };
    const defaults: Record<string, unknown> = { ...readConfig(new Proxy({}, record)) };
    assert.ok(read.size >= 4);
    for (const name of read) {
      const first = `\`${name}\``;
      const row = rowOf(readme, first) ?? rowOf(document("docs/options.md"), first);
      assert.ok(row, `neither README.md nor docs/options.md has a row for ${name}`);
      const key = name.toLowerCase().replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
      const value = defaults[key];
      const shown = value === "" ? "none" : `\`${value}\``;
      if (!Array.isArray(value)) assert.equal(row[1], shown, name);
    }
  });

  test("have every option of a route, of serve and of attach, with the default that the code names", () => {
    const options = document("docs/options.md");
    for (const type of [
      "RouteOptions",
      "JsonRouteOptions",
      "ServeOptions",
      "AttachOptions",
      "AppOptions",
    ]) {
      for (const { name, comment } of membersOf(type)) {
        assert.ok(options.source.includes(`\`${name}\``), `${name} of ${type} is not there`);
        const values = options.rows
          .filter((row) => row[0] === `\`${name}\``)
          .map((row) => row[2]?.replaceAll("`", "") ?? "");
        if (values.length === 0 || !/\bdefault\b/i.test(comment)) continue;
        assert.ok(
          values.some((value) => comment.includes(value)),
          `${name}: ${values} is not in: ${comment}`,
        );
      }
    }
  });

  test("have every option of a hub and of a join, and every method", () => {
    const hub = document("docs/hub.md");
    for (const type of ["HubOptions", "JoinOptions"]) {
      for (const { name } of membersOf(type)) assert.ok(rowOf(hub, `\`${name}\``), name);
    }
    const methods = Object.getOwnPropertyNames(Hub.prototype).filter((it) => it !== "constructor");
    for (const name of methods) assert.ok(hub.source.includes(`\`${name}(`), name);
  });

  test("have the exit codes and close codes of the code", () => {
    const codes = Object.values(EXIT).map(String);
    const listed = /^Exit codes.*?: (.*?)\./ms.exec(readme.source)?.[1] ?? "";
    assert.deepEqual(listed.match(/\b\d+\b/g), codes);
    for (const code of codes) assert.ok(rowOf(document("docs/deployment.md"), code), code);
    const [comeBack = ""] = /come back after[^.]*\./.exec(readme.source) ?? [];
    const wanted = Object.keys(closeCodes).filter((code) => closeCodes[Number(code)]?.comeBack);
    assert.deepEqual(comeBack.match(/\b1\d{3}\b/g), wanted);
  });

  test("have every dependency, and no other", () => {
    const all = { ...dependencies, ...optionalDependencies };
    const names = (cell = "") => cell.split(", ").filter((name) => name in all);
    const listed = readme.rows.flatMap(([cell]) => names(cell));
    assert.deepEqual(listed.sort(), Object.keys(all).sort());
    assert.match(dependencies["koa-router"], /@koa\/router@\^15/);
  });

  test("have every public member of the test client", () => {
    const { source } = document("docs/testing.md");
    for (const file of ["client.ts", "socket.ts", "refused.ts"]) {
      const code = readFileSync(join(ROOT, "lib/testing", file), "utf8");
      const members = code.matchAll(/^ {2}(?:readonly |async |static async )?([a-z]\w*)[(<:]/gm);
      for (const [, member = ""] of members) {
        if (member === "constructor") continue;
        assert.match(source, new RegExp(`\\b${member}\\b`), `${file}: ${member}`);
      }
    }
  });

  test("name tests that exist", () => {
    const named = document("docs/upgrades.md").source.matchAll(
      /\[([^\]]+)\]\(\.\.\/(test[^)]+)\)/g,
    );
    let count = 0;
    for (const [, title = "", file = ""] of named) {
      const code = readFileSync(join(ROOT, file), "utf8");
      assert.ok(code.includes(title), `${file} has no test: ${title}`);
      count += 1;
    }
    assert.ok(count > 10);
  });

  test("have the events of the log", () => {
    const inCode = list("lib", ".ts").flatMap((path) =>
      [...readFileSync(join(ROOT, path), "utf8").matchAll(/\bevent: "([\w-]+)"/g)].map(
        ([, event = ""]) => event,
      ),
    );
    assert.ok(inCode.length > 0);
    for (const event of inCode) {
      assert.ok(rowOf(document("docs/deployment.md"), `\`${event}\``), event);
    }
  });

  test("have the statuses of a mount as it answers", async () => {
    const sub = new App();
    const page = (ctx: { body?: unknown }) => {
      ctx.body = "page";
    };
    for (const path of ["/", "/rooms/1"]) {
      sub.websocket(path, () => {});
      sub.router.get(path, page);
    }
    sub.router.get("/http-only", page);
    sub.websocket("/ws-only", () => {});
    await using client = await TestClient.start(new App().mount("/ws", sub));
    const rows = readme.rows.filter((row) => /^(`\/|a path that only)/.test(row[0] ?? ""));
    assert.equal(rows.length, 5);
    for (const [paths = "", http = "", socket = ""] of rows) {
      for (const path of pathsOf(paths)) {
        assert.equal(await statusOf(client.url, path, false), statusIn(http, 200), `GET ${path}`);
        assert.equal(await statusOf(client.url, path, true), statusIn(socket, 101), `WS ${path}`);
      }
    }
  });
});

/** A WebSocket client without the project's own code. Every wait has a deadline. */
class Client implements AsyncDisposable {
  headers: Record<string, unknown> = {};
  readonly #ws: WebSocket;
  readonly #messages: string[] = [];
  #changed = () => {};

  private constructor(ws: WebSocket) {
    this.#ws = ws;
    ws.on("message", (data) => {
      this.#messages.push(data.toString());
      this.#changed();
    });
  }

  static connect(url: string, path: string): Promise<Client> {
    const address = url.replace(/^http/, "ws").replace(path ? /\/$/ : /$^/, "") + path;
    const ws = new WebSocket(address, { handshakeTimeout: WAIT_MS });
    const client = new Client(ws);
    ws.once("upgrade", (response) => {
      client.headers = response.headers;
    });
    return new Promise((resolve, reject) => {
      ws.once("open", () => resolve(client));
      ws.on("error", reject);
    });
  }

  send(text: string): void {
    this.#ws.send(text);
  }

  async receive(): Promise<string> {
    const deadline = AbortSignal.timeout(WAIT_MS);
    deadline.addEventListener("abort", () => this.#changed());
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      if (deadline.aborted) throw new Error(`expected a message within ${WAIT_MS} ms`);
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#ws.once("close", resolve));
    if (this.#ws.readyState === WebSocket.CLOSED) return;
    this.#ws.close();
    await closed;
  }
}

/** Runs a program of a project on a free port; it must end with 0 on SIGTERM. */
async function running(
  project: Project | undefined,
  file: string,
  body: (url: string) => Promise<void>,
): Promise<void> {
  assert.ok(project, file);
  await using program = new Program(`exec node --import tsx ${file}`, free(project.directory));
  await body(await urlOf(program));
  program.signal("SIGTERM");
  const { code, output } = await program.ends();
  assert.equal(code, EXIT.drained, output);
}

async function servesPageAndEcho(url: string): Promise<void> {
  const page = await fetch(url, timely());
  assert.equal(page.status, 200);
  assert.match(await page.text(), /id="messageText"/);
  await using socket = await Client.connect(url, "/ws/");
  socket.send("hi");
  assert.equal(await socket.receive(), "Message text was: hi");
}

async function succeeds(command: string, cwd: string): Promise<string> {
  await using program = new Program(command, { cwd });
  const { code, output } = await program.ends();
  assert.equal(code, 0, `${command}\n${output}`);
  return output;
}

/** The status of a request whose path goes out as it is written. */
function statusOf(url: string, path: string, handshake: boolean): Promise<number | undefined> {
  const headers = {
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = request({
      hostname,
      port,
      path,
      headers: handshake ? headers : { Connection: "close" },
      signal: AbortSignal.timeout(WAIT_MS),
    });
    sent.on("error", reject);
    sent.on("response", (response) => {
      response.resume().on("end", () => resolve(response.statusCode));
    });
    sent.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve(response.statusCode);
    });
    sent.end();
  });
}

function pathsOf(cell: string): string[] {
  if (cell.includes("only HTTP")) return ["/ws/http-only"];
  if (cell.includes("only WebSocket")) return ["/ws/ws-only"];
  return [...cell.matchAll(/`(\/[^`]*)`/g)].map(([, path = ""]) => path);
}

function statusIn(cell: string, otherwise: number): number {
  return Number(/^\d{3}/.exec(cell)?.[0] ?? otherwise);
}

interface Member {
  readonly name: string;
  readonly comment: string;
}

/** The members of an interface of lib/, with those it extends, and their comments in one line. */
function membersOf(type: string): Member[] {
  const code = list("lib", ".ts").map((path) => readFileSync(join(ROOT, path), "utf8"));
  const pattern = new RegExp(
    `interface ${type}(?:<.*?>)?(?:\\s+extends ([^{]*))? \\{\n(.*?)\n\\}`,
    "s",
  );
  const [, parents = "", body = ""] = code.map((text) => pattern.exec(text)).find(Boolean) ?? [];
  assert.ok(body, `there is no interface ${type} in lib/`);
  const own = body.matchAll(/(?:\/\*\*((?:(?!\*\/).)*)\*\/\s*)?^ {2}(\w+)\??:/gms);
  return [
    ...[...own].map(([, comment = "", name = ""]) => ({
      name,
      comment: comment.replace(/\s*\n\s*\*\s?/g, " "),
    })),
    ...[...parents.matchAll(/\b(?!(?:Partial|Omit)\b)([A-Z]\w+)(?:, ([^>]*)>)?/g)].flatMap(
      // What is behind the name in `Omit<Name, "a" | "b">` is left out.
      ([, parent = "", without = ""]) =>
        membersOf(parent).filter(({ name }) => !without.includes(`"${name}"`)),
    ),
  ];
}

function inLanguage(language: string): Fence[] {
  return fences.filter((fence) => fence.language === language);
}

async function shown(
  language: string,
  text: RegExp,
  path: RegExp,
): Promise<{ path: string; text: string }> {
  for (const fence of inLanguage(language).filter((each) => text.test(each.text))) {
    for (const [name, content] of await filesOf(fence)) {
      if (path.test(name)) return { path: name, text: content };
    }
  }
  throw new Error(`no document shows ${path}`);
}

function snippetFiles(): string[] {
  return snippets.projects.flatMap(({ directory, files }) =>
    [...files.keys()].map((path) => join(directory, path)),
  );
}

function projectWith(file: string): Project {
  const project = snippets.projects.find(({ files }) => files.has(file));
  assert.ok(project, `no document shows ${file}`);
  return project;
}

function document(path: string): Document {
  const found = documents.find((each) => each.path === path);
  assert.ok(found, path);
  return found;
}

function rowOf({ rows }: Document, first: string): readonly string[] | undefined {
  return rows.find((row) => row[0] === first);
}

function commands(): string[] {
  return inLanguage("sh").flatMap(({ text }) => text.trimEnd().split("\n"));
}

function allText(): string {
  return documents.map(({ source }) => source).join("\n");
}

/** What a document shows, with the address where the server really is. */
function at(text: string, url: string): string {
  return text.replace(SHOWN_AT, new URL(url).host);
}

function urlOf(program: Program): Promise<string> {
  return program.prints(/http:\/\/127\.0\.0\.1:\d+\//);
}

function free(cwd: string): { cwd: string; env: Record<string, string> } {
  return { cwd, env: { PORT: "0" } };
}

function timely(): RequestInit {
  return { headers: { Connection: "close" }, signal: AbortSignal.timeout(WAIT_MS) };
}

function linesOf(text: string): number {
  return text.trimEnd().split("\n").length;
}

function list(directory: string, extension: string): string[] {
  return readdirSync(join(ROOT, directory), { recursive: true })
    .map((name) => join(directory, String(name)))
    .filter((path) => path.endsWith(extension) && statSync(join(ROOT, path)).isFile())
    .sort();
}
