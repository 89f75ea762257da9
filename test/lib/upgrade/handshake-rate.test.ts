import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { App } from "koa-subapps";
import { type StartOptions, TestClient } from "koa-subapps/testing";
import { Refusal } from "../../../lib/http/refusal.ts";
import { HandshakeRate } from "../../../lib/upgrade/handshake-rate.ts";
import { handshake, Wire } from "../../support/wire.ts";

/** Whether a handshake is let in, and otherwise after how many seconds it may come again. */
function attempt(rate: HandshakeRate, network: string, now: number): true | number {
  try {
    rate.take(network, now);
    return true;
  } catch (error) {
    assert.ok(error instanceof Refusal && error.status === 429);
    return Number(error.headers["Retry-After"]);
  }
}

describe("the rate of handshakes", () => {
  test("lets four seconds' worth come at once, then as many a second as it says", () => {
    const rate = new HandshakeRate({ handshakesPerSecond: 10 });
    for (let i = 0; i < 40; i++) assert.equal(attempt(rate, "192.0.2.1", 1_000), true);
    assert.equal(attempt(rate, "192.0.2.1", 1_000), 1);
    assert.equal(attempt(rate, "192.0.2.1", 1_099), 1);
    assert.equal(attempt(rate, "192.0.2.1", 1_100), true);
    assert.equal(attempt(rate, "192.0.2.1", 1_100), 1);
    for (let i = 0; i < 10; i++) assert.equal(attempt(rate, "192.0.2.1", 2_100), true);
    assert.equal(attempt(rate, "192.0.2.1", 2_100), 1);
    assert.equal(attempt(rate, "192.0.2.2", 2_100), true);
  });

  test("says when to come again, in whole seconds, and is then as good as its word", () => {
    const rate = new HandshakeRate({ handshakesPerSecond: 0.1 });
    assert.equal(attempt(rate, "192.0.2.1", 0), true);
    assert.equal(attempt(rate, "192.0.2.1", 0), 10);
    assert.equal(attempt(rate, "192.0.2.1", 9_001), 1);
    assert.equal(attempt(rate, "192.0.2.1", 10_001), true);
  });

  test("never admits more than the burst and the handshakes due since", () => {
    const steps = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 300 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 50 }), (waits, perSecond) => {
        const rate = new HandshakeRate({ handshakesPerSecond: perSecond });
        let now = 5_000;
        let taken = 0;
        for (const wait of waits) {
          now += wait;
          if (attempt(rate, "192.0.2.1", now) === true) taken++;
        }
        assert.ok(taken <= perSecond * 4 + ((now - 5_000) / 1_000) * perSecond + 1e-6);
      }),
    );
  });

  test("keeps 10,000 addresses at most, and forgets those that are quiet", () => {
    const rate = new HandshakeRate({ handshakesPerSecond: 1 });
    let now = 0;
    for (let i = 0; i < 25_000; i++) attempt(rate, `198.51.100.${i}`, now);
    assert.equal(rate.addresses, 10_000);
    now += 60_000;
    for (let i = 0; i < 10_000; i++) attempt(rate, "192.0.2.1", now + i * 1_000);
    assert.equal(rate.addresses, 1);
  });

  test("keeps the addresses that come often when many come once", () => {
    const rate = new HandshakeRate({ handshakesPerSecond: 0.001 });
    assert.equal(attempt(rate, "192.0.2.1", 0), true);
    for (let i = 0; i < 9_999; i++) attempt(rate, `198.51.100.${i}`, 1);
    assert.notEqual(attempt(rate, "192.0.2.1", 2), true);
  });
});

function open(): App {
  return new App().websocket("/", () => {});
}

/** What so many handshakes in a row get. */
async function shakes(client: TestClient, count: number, address?: string) {
  const answers: { status: number; retryAfter: string | undefined }[] = [];
  for (let i = 0; i < count; i++) {
    await using wire = await Wire.connect(client.url);
    wire.write(handshake("/", { "X-Forwarded-For": address }));
    const { status, headers } = await wire.head();
    answers.push({ status, retryAfter: headers.get("retry-after") });
  }
  return answers;
}

describe("a server's rate of handshakes", () => {
  // One every thousand seconds: no machine is so slow that a second one comes due.
  const slow: StartOptions = { trustProxy: ["loopback"], handshakesPerSecond: 0.001 };

  test("refuses 429 with Retry-After before any middleware, and admits other addresses", async () => {
    const app = open();
    let seen = 0;
    app.use((_ctx, next) => {
      seen++;
      return next();
    });
    await using client = await TestClient.start(app, slow);
    const [first, second] = await shakes(client, 2, "203.0.113.7:50001");
    assert.deepEqual([first?.status, second?.status], [101, 429]);
    assert.ok(Number(second?.retryAfter) > 900 && Number(second?.retryAfter) <= 1_000);
    assert.equal(seen, 1);
    assert.equal((await shakes(client, 1, "203.0.113.7:50002"))[0]?.status, 429);
    assert.equal((await shakes(client, 1, "203.0.113.8"))[0]?.status, 101);
    // An IPv6 /64 is one.
    assert.equal((await shakes(client, 1, "2001:db8::1"))[0]?.status, 101);
    assert.equal((await shakes(client, 1, "2001:db8::2"))[0]?.status, 429);
  });

  test("has no limit for loopback, nor for a trusted proxy that names no client", async () => {
    const trustProxy = ["loopback", "203.0.113.0/24"];
    await using client = await TestClient.start(open(), { ...slow, trustProxy });
    for (const address of [undefined, "unknown", "203.0.113.7"]) {
      const statuses = (await shakes(client, 3, address)).map(({ status }) => status);
      assert.deepEqual(statuses, [101, 101, 101], address);
    }
  });

  test("is on by default: 50 a second, and 200 at once", async (t) => {
    await using client = await TestClient.start(open(), { trustProxy: ["loopback"] });
    // A clock that stands still: a slow machine is let in no more often than a fast one.
    const now = performance.now();
    t.mock.method(performance, "now", () => now);
    const answers = await shakes(client, 201, "203.0.113.7");
    t.mock.restoreAll();
    const refused = answers.filter(({ status }) => status === 429);
    assert.deepEqual(refused, [{ status: 429, retryAfter: "1" }]);
    assert.equal(answers.at(-1), refused[0]);
  });
});
