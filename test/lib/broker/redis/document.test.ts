// What docs/redis.md says is compared with the engine.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { RedisBroker, Unavailable } from "../../../../lib/broker/redis/index.ts";
import { IDLE_MS, MAX_BYTES, PREFIX } from "../../../../lib/broker/redis/options.ts";
import { document, rowOf } from "../../../support/documents.ts";
import { startProxy } from "../../../support/proxy.ts";
import { RedisServer } from "../../../support/redis.ts";
import { ROOT } from "../../../support/snippets.ts";
import { until } from "../../../support/within.ts";

const RETENTION = { count: 2, ageMs: 60_000 };
const page = document("docs/redis.md");
const rule = /^user rooms on >change-this (.*)$/m.exec(page.source)?.[1]?.split(" ") ?? [];

test("the page has every option with the default that the code has", () => {
  const code = readFileSync(join(ROOT, "lib/broker/redis/options.ts"), "utf8");
  const body = /interface RedisBrokerOptions \{\n(.*?)\n\}/s.exec(code)?.[1] ?? "";
  const names = [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name]) => name);
  assert.ok(names.length >= 6);
  // The clock is for tests alone.
  for (const name of names.filter((each) => each !== "now")) {
    assert.ok(rowOf(page, `\`${name}\``), name);
  }
  for (const [name, value] of Object.entries({
    prefix: PREFIX,
    idleMs: IDLE_MS,
    maxBytes: MAX_BYTES,
  })) {
    assert.equal(rowOf(page, `\`${name}\``)?.[1], `\`${value}\``, name);
  }
});

test("the page has every channel that the engine tells", () => {
  const code = readFileSync(join(ROOT, "lib/broker/redis/observe.ts"), "utf8");
  const body = /interface BrokerEvents \{\n(.*?)\n\}/s.exec(code)?.[1] ?? "";
  const names = [...body.matchAll(/^ {2}(\w+): /gm)].map(([, name]) => name);
  assert.ok(names.length >= 6);
  for (const name of names) assert.ok(rowOf(page, `\`koa-subapps:broker:${name}\``), name);
});

/** Runs the engine as a user with these rights, through all that it asks of Redis. */
async function useAll(rights: readonly string[], prefix = "rooms:"): Promise<void> {
  await using server = await RedisServer.start();
  await using proxy = await startProxy(server.socket);
  const side = await server.connect();
  const { host } = new URL(proxy.url);

  const url = `redis://rooms:change-this@${host}`;
  const broker = new RedisBroker({ url, prefix, idleMs: 0, maxBytes: 64_000 });
  const other = new RedisBroker({ url, prefix, idleMs: 0, maxBytes: 64_000 });
  try {
    await side.sendCommand(["ACL", "SETUSER", "rooms", "on", ">change-this", ...rights]);
    await broker.open(2_000);
    const heard: string[] = [];
    const subscriber = {
      message: ({ data }: { data: string }) => void heard.push(data),
      signal: (data: string) => void heard.push(data),
      epoch() {},
    };
    await broker.subscribe("t", subscriber);
    for (const [i, key] of ["a", "b", "c", "a", "d"].entries()) {
      await other.publish("t", `m${i}`, { key, retention: RETENTION });
    }
    await other.publish("t", "plain", { retention: RETENTION });
    await other.signal("t", "signal");
    // More than all topics may have, so that the quiet ones lose their histories.
    const long = "x".repeat(1_500);
    for (let i = 0; i < 40; i++) await other.publish(`q${i}`, long, { retention: RETENTION });
    assert.equal((await other.read("t", { epoch: "x", offset: 1 })).recovered, false);
    assert.ok((await other.topics()).includes("t"));
    await until(() => heard.at(-1) === "signal", "the signal");
    await broker.tick();
    await broker.unsubscribe("t", subscriber);
    // A publication whose first answer is lost asks again.
    proxy.mute();
    const later = other.publish("later", "again", { retention: RETENTION });
    proxy.cut();
    proxy.restore();
    assert.equal((await later).outcome, "published");
  } finally {
    side.destroy();
    await broker.close();
    await other.close();
  }
}

test("the rights that the page names are enough", async () => {
  assert.ok(rule.length > 20);
  await useAll(rule);
});

test("the rights that the page names reach no other prefix", async () => {
  await assert.rejects(useAll(rule, "other:"));
});

test("without a look at the configuration everything works", async () => {
  await useAll(rule.filter((right) => right !== "+config|get"));
});

// Without these the engine goes on, worse: it lives without a sign of life, or hears too much.
const UNSEEN = ["+ping", "+config|get", "+sunsubscribe"];

for (const right of rule.filter((each) => /^[+~&]/.test(each) && !UNSEEN.includes(each))) {
  test(`without ${right} the engine says that it lacks a right, so the page names none in vain`, async () => {
    await assert.rejects(useAll(rule.filter((each) => each !== right)), (error: unknown) => {
      const text = String(error instanceof Unavailable ? error.cause : error);
      assert.match(text, /NOPERM|permission|user executing the script can't run this command/i);
      return true;
    });
  });
}
