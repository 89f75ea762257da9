import assert from "node:assert/strict";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { Ticker, type Watched } from "../../../lib/loop/ticker.ts";
import { withResolvers } from "../../support/deferred.ts";

const DEADLINE_MS = 20_000;

/** Something watched that keeps what it was told, and wakes who waits for it. */
class Listener implements Watched {
  readonly periodMs: number;
  readonly times: number[] = [];
  onTick: (now: number) => void = () => {};

  constructor(periodMs: number) {
    this.periodMs = periodMs;
  }

  tick(now: number): void {
    this.times.push(now);
    this.onTick(now);
  }

  /** Waits until it has been told the time so many times from now. */
  async ticks(count: number): Promise<void> {
    const wanted = this.times.length + count;
    const { promise, resolve, reject } = withResolvers<void>();
    const late = setTimeout(() => {
      reject(new Error(`expected ${count} ticks within ${DEADLINE_MS} ms`));
    }, DEADLINE_MS);
    this.onTick = () => {
      if (this.times.length >= wanted) resolve();
    };
    await promise.finally(() => clearTimeout(late));
    this.onTick = () => {};
  }
}

/** Holds the event loop of this process. */
function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

/** The intervals that are begun from now on, and those of them that were cleared. */
function intervals(t: TestContext): { begun: NodeJS.Timeout[]; running: () => NodeJS.Timeout[] } {
  const begin = t.mock.method(globalThis, "setInterval");
  const clear = t.mock.method(globalThis, "clearInterval");
  const begun = () => begin.mock.calls.map((call) => call.result as unknown as NodeJS.Timeout);
  return {
    get begun() {
      return begun();
    },
    running: () => {
      const cleared = new Set(clear.mock.calls.map((call) => call.arguments[0] as unknown));
      return begun().filter((timer) => !cleared.has(timer));
    },
  };
}

describe("a ticker", () => {
  test("tells all that it watches one and the same time", async () => {
    const ticker = new Ticker();
    const [one, two] = [new Listener(10), new Listener(10)];
    ticker.add(one);
    ticker.add(two);
    assert.equal(ticker.size, 2);
    await two.ticks(3);
    assert.deepEqual(one.times, two.times);
    assert.equal(ticker.now, one.times.at(-1));
    ticker.delete(one);
    const told = one.times.length;
    await two.ticks(2);
    assert.equal(one.times.length, told);
    ticker.delete(two);
  });

  test("counts a blocked event loop as one period", async () => {
    const ticker = new Ticker();
    const listener = new Listener(20);
    ticker.add(listener);
    await listener.ticks(2);
    for (let i = 0; i < 3; i++) {
      block(200);
      await listener.ticks(2);
    }
    ticker.delete(listener);
    const steps = listener.times.slice(1).map((time, i) => time - (listener.times[i] ?? 0));
    assert.ok(Math.max(...steps) <= 20.001, `steps of ${steps}`);
    assert.ok(Math.min(...steps) >= 0, `steps of ${steps}`);
  });

  test("tells the time after what came from sockets meanwhile was read", async () => {
    const server = net.createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const client = net.connect((server.address() as AddressInfo).port, "127.0.0.1");
    const [peer] = (await once(server, "connection")) as [net.Socket];
    const ticker = new Ticker();
    const listener = new Listener(20);
    const story: string[] = [];
    const { promise: over, resolve } = withResolvers<void>();
    peer.on("data", () => story.push("data"));
    listener.onTick = () => {
      story.push("tick");
      if (story.length > 1) return resolve();
      // It goes to the system at once, and waits there while nobody reads and the timer falls due,
      // which comes before the reading when the event loop goes on.
      setImmediate(() => {
        client.write("pong");
        block(100);
      });
    };
    ticker.add(listener);
    await over;
    ticker.delete(listener);
    assert.deepEqual(story.slice(0, 3), ["tick", "data", "tick"]);
    client.destroy();
    server.close();
  });

  test("has one timer for all, that keeps no process alive", async (t) => {
    const timers = intervals(t);
    const ticker = new Ticker();
    const all = Array.from({ length: 1_000 }, () => new Listener(1_000));
    for (const each of all) ticker.add(each);
    assert.equal(timers.begun.length, 1);
    assert.equal(timers.running()[0]?.hasRef(), false);
    for (const each of all) ticker.delete(each);
    assert.equal(timers.running().length, 0);
  });

  test("releases its timer when it is empty, and has one again when it is not", async (t) => {
    const timers = intervals(t);
    const ticker = new Ticker();
    const [one, two] = [new Listener(10), new Listener(10)];
    ticker.add(one);
    ticker.add(two);
    ticker.delete(one);
    assert.equal(timers.running().length, 1);
    ticker.delete(two);
    ticker.delete(two);
    assert.deepEqual([ticker.size, timers.running().length], [0, 0]);
    ticker.add(one);
    assert.equal(timers.running().length, 1);
    await one.ticks(1);
    ticker.delete(one);
    assert.equal(timers.running().length, 0);
  });

  test("turns as fast as the fastest that it has watched, until it is empty", async (t) => {
    const begin = t.mock.method(globalThis, "setInterval");
    const periods = () => begin.mock.calls.map((call) => call.arguments[1]);
    const ticker = new Ticker();
    const [slow, fast, slowest] = [new Listener(500), new Listener(10), new Listener(60_000)];
    ticker.add(slow);
    ticker.add(fast);
    ticker.add(slowest);
    assert.deepEqual(periods(), [500, 10]);
    await slowest.ticks(1);
    assert.equal(slow.times.length, slowest.times.length);
    for (const each of [slow, fast, slowest]) ticker.delete(each);
    ticker.add(slowest);
    assert.deepEqual(periods(), [500, 10, 1_000]);
    ticker.delete(slowest);
  });

  test("goes on telling the others when one of them leaves while it is told", async () => {
    const ticker = new Ticker();
    const [leaving, staying] = [new Listener(10), new Listener(10)];
    leaving.onTick = () => ticker.delete(leaving);
    ticker.add(leaving);
    ticker.add(staying);
    await staying.ticks(3);
    assert.equal(leaving.times.length, 1);
    ticker.delete(staying);
    const told = staying.times.length;
    // A tick that was under way when the last one left tells nobody.
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(staying.times.length, told);
  });
});
