import assert from "node:assert/strict";
import { mkdtemp, rename, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { createSite, site } from "../../../apps/site/index.ts";
import { handshake, Wire } from "../../support/wire.ts";

/** What npm gives every file of every package. */
const NPM_DATE = new Date("1985-10-26T08:15:00Z");
const TEXT = `export const text = "${"again and ".repeat(200)}";\n`;

let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "koa-subapps-site-"));
});

after(async () => {
  await rm(folder, { recursive: true, force: true });
});

test("a path with an empty segment at its start is 404 for HTTP and 403 for a handshake", async () => {
  await using client = await TestClient.start(new App().mount("/", site));
  await using http = await Wire.connect(client.url);
  http.write("GET //ws/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  assert.equal((await http.response()).status, 404);
  await using ws = await Wire.connect(client.url);
  ws.write(handshake("//ws/"));
  assert.equal((await ws.response()).status, 403);
});

test("no path leads out of the files that are served", async () => {
  await using client = await TestClient.start(new App().mount("/", site));
  for (const path of [
    "/../package.json",
    "/%2e%2e/package.json",
    "/..%2fpackage.json",
    "/%2e%2e%2fpackage.json",
    "/..\\package.json",
    "/%00",
    "/.gitignore",
    `/${"x".repeat(5_000)}.js`,
  ]) {
    const { status, body } = await get(client, path);
    assert.ok([400, 403, 404].includes(status), `${path}: ${status}`);
    assert.ok(!body.includes("koa-subapps"), path);
  }
});

test("a file comes in the smallest encoding that the client accepts, and says what it depends on", async () => {
  await put("app.js", TEXT);
  await using client = await TestClient.start(createSite(folder));
  const whole = Buffer.byteLength(TEXT);
  for (const [accepted, encoding] of [
    ["gzip, deflate, br, zstd", "br"],
    ["gzip, deflate", "gzip"],
    ["br;q=0, gzip;q=0.5", "gzip"],
    ["deflate", undefined],
    ["identity;q=0", undefined],
    [undefined, undefined],
  ] as const) {
    const { status, headers, bytes } = await get(client, "/app.js", {
      ...(accepted && { "Accept-Encoding": accepted }),
    });
    assert.equal(status, 200);
    assert.equal(headers["content-encoding"], encoding, accepted);
    assert.equal(headers.vary, "Accept-Encoding");
    assert.match(headers["content-type"] ?? "", /^text\/javascript/);
    assert.equal(headers["content-length"], String(bytes.length));
    assert.equal(decoded(bytes, encoding).toString(), TEXT);
    if (encoding) assert.ok(bytes.length < whole / 10, `${bytes.length} of ${whole}`);
  }
});

test("what is compressed by itself is sent as it is", async () => {
  await put("photo.png", "\x89PNG");
  await using client = await TestClient.start(createSite(folder));
  const { headers } = await get(client, "/photo.png", { "Accept-Encoding": "br, gzip" });
  assert.equal(headers["content-encoding"], undefined);
  assert.equal(headers.vary, undefined);
  assert.equal(headers["content-type"], "image/png");
});

test("each encoding has a validator of its own, and 304 says all that 200 does but the content", async () => {
  await put("app.js", TEXT);
  await using client = await TestClient.start(createSite(folder));
  const tags = new Set<string>();
  for (const accepted of ["br", "gzip", "identity"]) {
    const accept = { "Accept-Encoding": accepted };
    const first = await get(client, "/app.js", accept);
    const tag = first.headers.etag ?? "";
    assert.match(tag, /^"[\w-]+"$/, "a strong one");
    tags.add(tag);
    const again = await get(client, "/app.js", { ...accept, "If-None-Match": `"other", ${tag}` });
    assert.equal(again.status, 304);
    assert.equal(again.bytes.length, 0);
    assert.equal(again.headers["content-encoding"], undefined);
    for (const name of ["etag", "vary", "cache-control", "content-security-policy"]) {
      assert.equal(again.headers[name], first.headers[name], name);
    }
  }
  assert.equal(tags.size, 3);
});

test("another version with the date and size of the one before is sent at once", async () => {
  await put("app.js", "export const version = 1;\n");
  await using client = await TestClient.start(createSite(folder));
  const first = await get(client, "/app.js");
  assert.equal(first.headers["last-modified"], undefined, "npm's date would outlive every version");
  assert.equal(first.headers["cache-control"], "no-cache");
  await put("app.js", "export const version = 2;\n");
  const second = await get(client, "/app.js", { "If-None-Match": first.headers.etag ?? "" });
  assert.equal(second.status, 200);
  assert.equal(second.body, "export const version = 2;\n");
});

test("HEAD says what GET would, and other methods find nothing", async () => {
  await put("app.js", TEXT);
  await using client = await TestClient.start(createSite(folder));
  const read = await get(client, "/app.js", { "Accept-Encoding": "br" });
  const head = await client.fetch("/app.js", {
    method: "HEAD",
    headers: { "Accept-Encoding": "br" },
  });
  assert.equal(head.headers.get("etag"), read.headers.etag);
  assert.equal(head.headers.get("content-length"), read.headers["content-length"]);
  assert.equal((await client.fetch("/app.js", { method: "POST" })).status, 404);
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  readonly bytes: Buffer;
}

/** What the server sends, as it is on the wire: `fetch` would ask for compression, and undo it. */
async function get(
  client: TestClient,
  path: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  await using wire = await Wire.connect(client.url);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  wire.write(
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${lines.join("")}\r\n`,
  );
  const { status, headers: sent, body } = await wire.response();
  return { status, headers: Object.fromEntries(sent), body, bytes: wire.buffer };
}

function decoded(bytes: Buffer, encoding: string | undefined): Buffer {
  if (encoding === "br") return brotliDecompressSync(bytes);
  return encoding === "gzip" ? gunzipSync(bytes) : bytes;
}

/** Puts a file where the site finds it, whole and with the date that it would have from npm. */
async function put(name: string, text: string): Promise<void> {
  const place = join(folder, name);
  await writeFile(`${place}.new`, text, "latin1");
  await utimes(`${place}.new`, NPM_DATE, NPM_DATE);
  await rename(`${place}.new`, place);
}
