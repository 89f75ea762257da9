import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TestClient } from "koa-subapps/testing";
import { Passes } from "../../../apps/admin/passes.ts";
import { adminApp, handshakeStatus, sessionOf, statusOf, ticketOf } from "./support.ts";

const HOUR_MS = 60 * 60 * 1_000;

describe("passes", () => {
  test("are good for as long as they say, and not a moment longer", () => {
    const passes = new Passes(30, 10);
    const pass = passes.issue(1_000);
    assert.equal(passes.isGood(pass, 30_999), true);
    assert.equal(passes.isGood(pass, 31_000), false);
    assert.equal(passes.isGood("another", 1_000), false);
  });

  test("are no more than there may be: the oldest gives way", () => {
    const passes = new Passes(30, 3);
    const all = Array.from({ length: 5 }, (_, i) => passes.issue(i));
    assert.deepEqual(
      all.map((pass) => passes.isGood(pass, 10)),
      [false, false, true, true, true],
    );
  });
});

describe("a clock that goes back an hour", () => {
  test("lengthens no ticket and no session", async (t) => {
    await using client = await TestClient.start(adminApp());
    const [dateNow, monotonic] = [Date.now, performance.now.bind(performance)];
    const ticket = await ticketOf(client);
    const headers = await sessionOf(client);
    assert.equal(await statusOf(client, "/admin/", { headers }), 200);
    t.mock.method(Date, "now", () => dateNow() - HOUR_MS);
    t.mock.method(performance, "now", () => monotonic() + 8 * HOUR_MS + 1_000);
    assert.equal(await statusOf(client, "/admin/", { headers }), 401);
    assert.equal(await handshakeStatus(client, `/admin/?ticket=${ticket}`), 401);
  });
});
