// What README.md and docs/ show is run.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { after, before, describe, test } from "node:test";
import { EXIT } from "../../lib/server/run.ts";
import {
  allText,
  at,
  commands,
  inLanguage,
  linesOf,
  readme,
  scripts,
  shown,
} from "../support/documents.ts";
import { PlainClient } from "../support/plain-client.ts";
import { Program } from "../support/program.ts";
import {
  free,
  running,
  servesPageAndEcho,
  succeeds,
  timely,
  urlOf,
} from "../support/shown-program.ts";
import { filesOf, type Project, ROOT, type Snippets, writeSnippets } from "../support/snippets.ts";

const PYTHON = "/usr/bin/python3"; // the system's, which has the system's packages

let snippets: Snippets;
before(async () => {
  snippets = await writeSnippets(inLanguage("ts"));
});
after(async () => {
  await snippets?.[Symbol.asyncDispose]();
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
        await using socket = await PlainClient.connect(url, path);
        socket.send("hi");
        assert.equal(await socket.receive(), "Message text was: hi");
      });
    });
  }

  test("have the tutorial's transcript with many clients", async () => {
    const project = snippets.projects.find(({ fence }) => fence.text.includes("new Hub()"));
    await running(project, "main.ts", async (url) => {
      await using ann = await PlainClient.connect(url, "/ws/1");
      const bob = await PlainClient.connect(url, "/ws/2");
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
      await using socket = await PlainClient.connect(events, "");
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
      await using socket = await PlainClient.connect(url, "/hello/ada");
      assert.equal(await socket.receive(), "Hello, ada");
      for (const line of commands().filter((each) => each.includes("ws://"))) {
        const address = /ws:\/\/\S+/.exec(at(line, url))?.[0] ?? "";
        await using other = await PlainClient.connect(address, "");
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
      await using socket = await PlainClient.connect(link, "");
      assert.equal(await socket.receive(), "acme at /orgs/acme");
    });
  });

  test("give a client of a room what it has missed", async () => {
    await running(projectWith("apps/news/index.ts"), "main.ts", async (url) => {
      const ann = await PlainClient.connect(url, "/news/today");
      const { epoch } = JSON.parse(await ann.receive());
      for (const text of ["one", "two"]) {
        ann.send(text);
        assert.equal(JSON.parse(await ann.receive()).data, text);
      }
      await ann[Symbol.asyncDispose]();
      await using back = await PlainClient.connect(url, `/news/today?epoch=${epoch}&offset=1`);
      assert.deepEqual(JSON.parse(await back.receive()), { epoch, offset: 1, recovered: true });
      assert.deepEqual(JSON.parse(await back.receive()), { offset: 2, data: "two" });
      await using late = await PlainClient.connect(url, "/news/today?epoch=another&offset=1");
      assert.equal(JSON.parse(await late.receive()).recovered, false);
    });
  });

  test("guard a mount by middleware that is written for HTTP", async () => {
    const project = snippets.projects.find(({ fence }) => fence.text.includes("X-Checked"));
    await running(project, "main.ts", async (url) => {
      await assert.rejects(PlainClient.connect(url, "/ws/"), /401/);
      await using socket = await PlainClient.connect(url, "/ws/?token=secret");
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
    await using socket = await PlainClient.connect(await urlOf(program), "/ws/");
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
      /^(?:[A-Z_]+=\d+ )*(npm ci|npm (start|test)|npm test -- test\/[\w/.-]+|npm run \w+(?: -- .+)?|node --import tsx (?:main|test\/attacks\/together\/measure)\.ts(?: \d+)?|node dist\/main\.js|npx wscat -c ws:\S+|python3 -m websockets ws:\S+)$/;
    for (const line of commands()) {
      for (const command of line.replace(/ +# .*/, "").split(" && ")) {
        assert.match(command, known);
        const script = /^(?:[A-Z_]+=\d+ )*npm (?:run )?(?!ci)(\w+)/.exec(command)?.[1];
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
    await succeeds(`npm run build -- ${dist}`, ROOT);
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
