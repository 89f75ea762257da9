import assert from "node:assert/strict";
import http from "node:http";
import { describe, test } from "node:test";
import { App, attach, createLog, serve } from "koa-subapps";

describe("an unknown option", () => {
  test("of a route is refused, with those that there are", () => {
    assert.throws(() => new App().websocket("/", { maxMessageByte: 3 } as never, () => {}), {
      name: "TypeError",
      message:
        /^expected only options of the WebSocket route \/ \(name, .*maxMessageBytes.*\), but got maxMessageByte$/,
    });
  });

  test("of an app is refused, and those of Koa are taken", () => {
    assert.throws(
      () => new App({ maxConnection: 3 } as never),
      /^TypeError: .* of an App \(.*\), but got maxConnection$/,
    );
    const koas = { env: "test", keys: ["k"], proxy: true, subdomainOffset: 3, maxIpsCount: 1 };
    assert.equal(new App(koas as never).subdomainOffset, 3);
  });

  test("of a server is refused before anything starts", async () => {
    let started = false;
    const app = new App().lifespan(async function* () {
      started = true;
      yield;
    });
    await assert.rejects(
      serve(app, { port: 0, graceSecond: 3 } as never),
      /^TypeError: expected only options of serve \(.*\), but got graceSecond$/,
    );
    assert.equal(started, false);
  });
});

for (const [value, shown] of [
  ["3", '"3"'],
  [-1, "-1"],
  [0, "0"],
  [1.5, "1.5"],
  [2 ** 31, "2147483648"],
  [2 ** 32 + 1, "4294967297"],
  [Number.POSITIVE_INFINITY, "Infinity"],
  [Number.NaN, "NaN"],
  [3n, "3"],
  [null, "null"],
  [() => 3, "function"],
] as const) {
  test(`a longest message of ${shown} bytes is refused: to ws it may be no limit`, () => {
    assert.throws(() => new App().websocket("/", { maxMessageBytes: value } as never, () => {}), {
      name: "TypeError",
      message: `expected the option maxMessageBytes of the WebSocket route / to be a whole number from 1 to 2147483647, but got ${shown}`,
    });
  });
}

test("an option that is undefined takes its default, and an amount may be without end", () => {
  const options = { maxMessageBytes: undefined, queueMessages: Number.POSITIVE_INFINITY };
  new App().websocket("/", options as never, () => {});
});

type Ranges = Readonly<
  Record<string, readonly [ends: readonly number[], outside: readonly number[]]>
>;

const INFINITE = Number.POSITIVE_INFINITY;
const COUNT = [
  [0, INFINITE],
  [-1, 0.5],
] as const;
const PATIENCE = [
  [1, 2.5, INFINITE],
  [0, -1],
] as const;
const TIMER = [
  [1, 2 ** 31 - 1],
  [0, 1.5, 2 ** 31, INFINITE],
] as const;

const ofRoutes: Ranges = {
  maxMessageBytes: [
    [1, 2 ** 31 - 1],
    [0, 2 ** 31, 1.5],
  ],
  queueMessages: [
    [1, INFINITE],
    [0, 1.5],
  ],
  highWaterBytes: COUNT,
  maxBufferedBytes: COUNT,
  messagesPerSecond: [[0, 0.5, INFINITE], [-1]],
  burstMessages: COUNT,
  heartbeatMs: PATIENCE,
  pongTimeoutMs: PATIENCE,
  unreadTimeoutMs: PATIENCE,
  messageTimeoutMs: PATIENCE,
};
const ofAttach: Ranges = {
  maxConnections: COUNT,
  maxConnectionsPerAddress: COUNT,
  handshakeTimeoutMs: PATIENCE,
};
const ofServe: Ranges = {
  ...ofAttach,
  port: [[0], [-1, 0.5, 65_536]],
  graceSeconds: [[0, 0.5, 4_000_000, INFINITE], [-1]],
  maxBodyBytes: COUNT,
  // As long as a whole request may take by default; more is refused by Node.js.
  headersTimeoutMs: [[1, 300_000], TIMER[1]],
  requestTimeoutMs: [[10_000, 2 ** 31 - 1], TIMER[1]],
};
const ofApps: Ranges = {
  maxBodyBytes: COUNT,
  maxConnections: COUNT,
  maxIpsCount: COUNT,
  subdomainOffset: COUNT,
};

/** Has each option at each end of its range, where it is taken, and outside it, where it is not. */
async function isIn(ranges: Ranges, use: (options: never) => unknown): Promise<void> {
  for (const [name, [ends, outside]] of Object.entries(ranges)) {
    for (const value of ends) await use({ [name]: value } as never);
    for (const value of [...outside, Number.NaN, "1", null, 1n]) {
      await assert.rejects(
        async () => await use({ [name]: value } as never),
        (error) => {
          assert.ok(error instanceof TypeError, `${name} of ${String(value)}: ${error}`);
          assert.match(error.message, new RegExp(`^expected the option ${name} of .*, but got `));
          return true;
        },
        `${name} of ${String(value)}`,
      );
    }
  }
}

describe("a number outside its range is refused at the start", () => {
  test("of a route", () =>
    isIn(ofRoutes, (options) => new App().websocket("/", options, () => {})));

  test("of an app", () => isIn(ofApps, (options) => new App(options)));

  test("of attach", () =>
    isIn(ofAttach, (options) => attach(http.createServer(), new App(), options)));

  test("of serve", () =>
    isIn(ofServe, async (options: object) => {
      const log = createLog({ level: "silent" });
      const serving = await serve(new App(), { port: 0, log, ...options });
      await serving.close();
    }));

  test("of the lifespans of serve", () =>
    isIn({ startMs: TIMER, stopMs: TIMER }, async (lifespans) => {
      const log = createLog({ level: "silent" });
      const serving = await serve(new App(), { port: 0, log, lifespans });
      await serving.close();
    }));
});

test("an option that attach does not know is refused, and one of serve as well", () => {
  for (const options of [{ maxConnection: 3 }, { graceSeconds: 3 }]) {
    assert.throws(
      () => attach(http.createServer(), new App(), options as never),
      /^TypeError: expected only options of attach \(allowedHosts, .*\), but got /,
    );
  }
});
