import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { App, serve } from "../../lib/index.ts";

describe("an option that there is not", () => {
  test("of a route is refused, with those that there are", () => {
    assert.throws(() => new App().websocket("/", { maxMessageByte: 3 } as never, () => {}), {
      name: "TypeError",
      message:
        /^expected options of the WebSocket route \/, which are name, .*maxMessageBytes.*, but got maxMessageByte$/,
    });
  });

  test("of an app is refused, and those of Koa are taken", () => {
    assert.throws(
      () => new App({ maxConnection: 3 } as never),
      /^TypeError: .* of an App, .* but got maxConnection$/,
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
      /^TypeError: expected options of serve, .* but got graceSecond$/,
    );
    assert.equal(started, false);
  });
});

for (const [value, shown] of [
  ["3", '"3"'],
  [-1, "-1"],
  [Number.NaN, "NaN"],
  [null, "null"],
  [() => 3, "function"],
] as const) {
  test(`an amount of ${shown} is refused`, () => {
    assert.throws(() => new App().websocket("/", { maxMessageBytes: value } as never, () => {}), {
      name: "TypeError",
      message: `expected the option maxMessageBytes of the WebSocket route / to be a number of 0 or more, but got ${shown}`,
    });
  });
}

test("an option that is undefined takes its default, and an amount may be without end", () => {
  const options = { maxMessageBytes: undefined, queueMessages: Number.POSITIVE_INFINITY };
  new App().websocket("/", options as never, () => {});
});
