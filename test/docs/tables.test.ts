// What README.md and docs/ claim is compared with the code.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { App, closeCodes, Hub, readConfig } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { connectionLimits } from "../../lib/connection/options.ts";
import { EXIT } from "../../lib/server/run.ts";
import {
  dependencies,
  document,
  documents,
  fences,
  list,
  optionalDependencies,
  readme,
  rowOf,
} from "../support/documents.ts";
import { ROOT } from "../support/snippets.ts";

const WAIT_MS = 10_000;
const MAX_README_LINES = 250;
const MAX_IMAGE_BYTES = 150_000;

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

  test("have the defaults that a route without options gets", () => {
    const { liveness, ...limits } = connectionLimits({});
    for (const [name, value] of Object.entries({ ...limits, ...liveness })) {
      const row = rowOf(document("docs/options.md"), `\`${name}\``);
      if (row && typeof value === "number") assert.equal(numberOf(row[2]), value, name);
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
    assert.match(dependencies["koa-router"] ?? "", /@koa\/router@\^15/);
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

/** What a cell such as `6.25 MiB`, `30,000` or `64` says, as a number. */
function numberOf(cell = ""): number {
  const [number = "", unit = ""] = cell.split(" ");
  const factor = { KiB: 1024, MiB: 1024 * 1024 }[unit] ?? 1;
  return Number(number.replaceAll(",", "")) * factor;
}
