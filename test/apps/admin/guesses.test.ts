import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { TestClient } from "koa-subapps/testing";
import { Guesses } from "../../../apps/admin/guesses.ts";
import {
  adminApp,
  bearer,
  handshakeStatus,
  sessionOf,
  statusOf,
  TOKEN,
  ticketOf,
} from "./support.ts";

const wrong = { Authorization: "Bearer a token of sixteen and mor" };
const AT_ONCE = 10;

function from(address: string, headers: Record<string, string> = wrong): Record<string, string> {
  return { "X-Forwarded-For": address, ...headers };
}

// On a busy machine the time of a test might pay for one guess more.
function stopTime(t: TestContext): void {
  const now = performance.now();
  t.mock.method(performance, "now", () => now);
}

describe("an address that guesses the token", () => {
  test("is answered 429 after ten wrong ones, over HTTP and in handshakes, right ones included", async (t) => {
    stopTime(t);
    await using client = await TestClient.start(adminApp());
    const statuses: number[] = [];
    for (let i = 0; i < 100; i++) {
      statuses.push(await statusOf(client, "/admin/", { headers: wrong }));
    }
    assert.equal(statuses.filter((status) => status === 401).length, AT_ONCE);
    assert.equal(statuses.filter((status) => status === 429).length, 100 - AT_ONCE);
    const right = await client.fetch("/admin/", { headers: bearer });
    assert.equal(right.status, 429, "it would tell which guess was right");
    const seconds = Number(right.headers.get("retry-after"));
    assert.ok(seconds >= 1 && seconds <= 6, `${seconds}`);
    assert.equal(await handshakeStatus(client, "/admin/", { headers: bearer }), 429);
    const carried = `bearer.${Buffer.from(TOKEN).toString("base64url")}`;
    assert.equal(
      await handshakeStatus(client, "/admin/", { protocols: ["admin.v1", carried] }),
      429,
    );
  });

  test("is slowed down alone, as one IPv6 /64, and no session or ticket of its is", async (t) => {
    stopTime(t);
    await using client = await TestClient.start(adminApp(), { trustProxy: ["loopback"] });
    const session = await sessionOf(client);
    const ticket = await ticketOf(client);
    for (let i = 0; i < AT_ONCE; i++) {
      const headers = from(`2001:db8:0:7::${i + 1}`);
      assert.equal(await statusOf(client, "/admin/", { headers }), 401);
    }
    const here = (headers?: Record<string, string>) => from("2001:db8:0:7::ffff", headers);
    assert.equal(await statusOf(client, "/admin/", { headers: here(bearer) }), 429);
    assert.equal(await statusOf(client, "/admin/", { headers: here(session) }), 200);
    const path = `/admin/?ticket=${ticket}`;
    assert.equal(await handshakeStatus(client, path, { headers: here({}) }), 101);
    for (const other of ["2001:db8:0:8::1", "192.0.2.1"]) {
      assert.equal(await statusOf(client, "/admin/", { headers: from(other, bearer) }), 200, other);
    }
  });

  test("is not one that shows the right token, or none", async () => {
    await using client = await TestClient.start(adminApp());
    for (let i = 0; i < 3 * AT_ONCE; i++) {
      assert.equal(await statusOf(client, "/admin/"), 401);
      assert.equal(await statusOf(client, "/admin/", { headers: { Cookie: "admin=old" } }), 401);
      assert.equal(await handshakeStatus(client, "/admin/?ticket=old"), 401);
    }
    assert.equal(await statusOf(client, "/admin/", { headers: bearer }), 200);
  });
});

describe("the table of guesses", () => {
  test("lets ten through at once and ten a minute, whatever the clock of the wall does", (t) => {
    const guesses = new Guesses();
    t.mock.method(Date, "now", () => 0);
    let through = 0;
    for (let now = 0; now < 600_000; now += 100) {
      if (guesses.waitMs("192.0.2.1", now) > 0) continue;
      guesses.wrong("192.0.2.1", now);
      through++;
    }
    assert.equal(through, AT_ONCE + 99);
  });

  test("keeps an address that is slowed down, whoever comes after it", () => {
    const guesses = new Guesses();
    for (let i = 0; i < AT_ONCE; i++) guesses.wrong("192.0.2.1", 0);
    const waitMs = guesses.waitMs("192.0.2.1", 0);
    assert.ok(waitMs > 0);
    for (let i = 0; i < 100_000; i++)
      guesses.wrong(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 0);
    assert.ok(guesses.waitMs("192.0.2.1", 0) >= waitMs);
  });
});
