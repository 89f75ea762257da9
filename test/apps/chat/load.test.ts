// Ten thousand clients in two hundred rooms of one process, and nothing of them afterwards.

import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { App, Hub, MemoryBroker } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { createChat } from "../../../apps/chat/index.ts";
import { Rooms } from "../../../apps/chat/room.ts";
import { ticker } from "../../../lib/loop/ticker.ts";
import type { CrowdOptions, CrowdReport } from "../../support/chat-crowd.ts";
import { TimerWatch } from "../../support/timer-watch.ts";
import { until, within } from "../../support/within.ts";

const ROOMS = 200;
const CLIENTS = 50;
const SOCKETS = ROOMS * CLIENTS;
/** In each room: every message of theirs goes to all of it. */
const SPEAKERS = 2;
/** Sockets of either process, and what a process has open besides. */
const FILES = SOCKETS + 500;
const STEP_MS = 120_000;
const AGE_MS = 200;
const CROWD = fileURLToPath(new URL("../../support/chat-crowd.ts", import.meta.url));

/** Fails with a clear line where the system would fail in the middle, one socket at a time. */
function assertFiles(): void {
  const limit = execFileSync("/bin/sh", ["-c", "ulimit -n"], { encoding: "utf8" }).trim();
  assert.ok(
    limit === "unlimited" || Number(limit) >= FILES,
    `expected a limit of at least ${FILES} open files, but it is ${limit}; run: ulimit -n ${FILES}`,
  );
}

/** Has the crowd do one step, and waits for its report. */
async function step(crowd: ChildProcess, name: string): Promise<CrowdReport> {
  const reported = Promise.race([
    once(crowd, "message"),
    once(crowd, "exit").then(([code]) => [{ event: "failed", message: `it ended with ${code}` }]),
  ]);
  crowd.send(name);

  const [report] = (await within(reported, `the crowd to ${name}`, STEP_MS)) as [CrowdReport];

  assert.notEqual(report.event, "failed", JSON.stringify(report));
  return report;
}

test("200 rooms of 50 clients talk, nothing crosses rooms, and nothing of them is left", async () => {
  assertFiles();
  using timers = new TimerWatch("/lib/");
  const broker = new MemoryBroker({ idleMs: AGE_MS });
  const rooms = new Rooms(new Hub({ broker, retention: { count: 100, ageMs: AGE_MS } }));
  const app = new App().mount("/chat", createChat(rooms));
  // The watch of the test client's own would look at each of 20,000 sockets.
  await using client = await TestClient.start(app, { leftovers: false, graceSeconds: 10 });
  const { hub, presence } = rooms;
  const { live } = client.serving.upgrades;
  const options: CrowdOptions = {
    url: `${client.url.replace("http", "ws")}chat`,
    rooms: ROOMS,
    clients: CLIENTS,
    speakers: SPEAKERS,
  };
  const before = timers.list();
  const crowd = fork(CROWD, [JSON.stringify(options)], { execArgv: ["--import", "tsx"] });
  const kill = () => crowd.kill("SIGKILL");
  process.once("exit", kill);
  try {
    assert.deepEqual(await step(crowd, "connect"), { event: "connected", sockets: SOCKETS });
    assert.deepEqual([hub.connections().length, live.size], [SOCKETS, SOCKETS]);
    assert.deepEqual([hub.topics().length, presence.topics().length], [ROOMS, ROOMS]);
    for (const room of presence.topics()) {
      assert.deepEqual([hub.members(room).length, presence.list(room).length], [CLIENTS, CLIENTS]);
    }
    assert.deepEqual(await step(crowd, "talk"), {
      event: "talked",
      received: SOCKETS * SPEAKERS,
    });
    assert.deepEqual(await step(crowd, "leave"), { event: "left" });
  } finally {
    kill();
    process.removeListener("exit", kill);
  }
  await until(
    () => live.size === 0,
    () => `no connection, but there are ${live.size}`,
    STEP_MS,
  );
  await until(async () => (await broker.topics()).length === 0, "no topic");
  assert.deepEqual([hub.connections(), hub.topics(), presence.topics()], [[], [], []]);
  assert.equal(ticker.size, 0);
  await until(
    () => timers.list().length <= before.length,
    () => `no timer: ${timers.list()}`,
  );
  assert.deepEqual(timers.list(), before);
});
