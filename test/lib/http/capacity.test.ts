import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { App } from "koa-subapps";
import { type StartOptions, TestClient } from "koa-subapps/testing";
import { Capacity } from "../../../lib/http/capacity.ts";
import { Refusal } from "../../../lib/http/refusal.ts";
import { frame, handshake, Wire } from "../../support/wire.ts";

function refused(status: number): (error: unknown) => boolean {
  return (error) =>
    error instanceof Refusal && error.status === status && error.headers["Retry-After"] === "5";
}

describe("the count of connections", () => {
  test("takes as many as there may be and refuses the next 503 with Retry-After", () => {
    const limits = new Capacity({ maxConnections: 2 });
    const taken = limits.take("127.0.0.1");
    limits.take("127.0.0.1");
    assert.throws(() => limits.take("127.0.0.1"), refused(503));
    assert.equal(limits.total, 2);
    taken.release();
    limits.take("127.0.0.1");
    assert.equal(limits.total, 2);
  });

  test("takes one release once", () => {
    const limits = new Capacity({ maxConnections: 3 });
    const taken = limits.take("192.0.2.1");
    limits.take("192.0.2.1");
    taken.release();
    taken.release();
    assert.deepEqual([limits.total, limits.addresses], [1, 1]);
  });

  test("refuses one address 429 when it has its share, and nobody else", () => {
    const limits = new Capacity({ maxConnectionsPerAddress: 2 });
    const taken = limits.take("192.0.2.1");
    limits.take("192.0.2.1");
    assert.throws(() => limits.take("192.0.2.1"), refused(429));
    limits.take("192.0.2.2");
    assert.deepEqual([limits.total, limits.addresses], [3, 2]);
    taken.release();
    limits.take("192.0.2.1");
    assert.throws(() => limits.take("192.0.2.1"), refused(429));
  });

  test("forgets an address that has no connection left", () => {
    const limits = new Capacity({ maxConnectionsPerAddress: 1 });
    for (let i = 0; i < 1_000; i++) limits.take(`192.0.2.${i % 256}:${i}`).release();
    assert.deepEqual([limits.total, limits.addresses], [0, 0]);
  });

  test("counts a refusal on neither count", () => {
    const limits = new Capacity({ maxConnections: 2, maxConnectionsPerAddress: 1 });
    const taken = limits.take("192.0.2.1");
    for (let i = 0; i < 10; i++) assert.throws(() => limits.take("192.0.2.1"), refused(429));
    limits.take("192.0.2.2").release();
    taken.release();
    assert.deepEqual([limits.total, limits.addresses], [0, 0]);
  });

  test("has no share for loopback, nor for who is exempt, but counts them in the total", () => {
    const limits = new Capacity({ maxConnections: 6, maxConnectionsPerAddress: 1 });
    for (const address of ["127.0.0.1", "127.0.0.1", "::1", "::ffff:127.0.0.1"]) {
      limits.take(address);
    }
    limits.take("192.0.2.1", true);
    limits.take("192.0.2.1", true);
    assert.deepEqual([limits.total, limits.addresses], [6, 0]);
    assert.throws(() => limits.take("127.0.0.1"), refused(503));
  });

  test("takes the addresses of one IPv6 /64 for one, however they are written", () => {
    for (const same of [
      ["2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:0DB8:0001:0002::9"],
      ["2001:db8::1", "2001:db8:0:0:1:2:3:4", "2001:db8::a:b:c:d"],
      ["::2", "0:0:0:0:0:0:0:3", "::a:b:c:d"],
      ["fe80::1%eth0", "fe80::2%eth1", "fe80:0:0:0::3"],
      ["2001:db8:1:2:3::", "2001:db8:1:2::"],
    ]) {
      const limits = new Capacity({ maxConnectionsPerAddress: same.length });
      for (const address of same) limits.take(address);
      assert.equal(limits.addresses, 1, same.join(" "));
      assert.throws(() => limits.take(same[0] ?? ""), refused(429));
    }
  });

  test("takes different /64 for different, and an IPv4 address for itself behind IPv6 too", () => {
    const limits = new Capacity({ maxConnectionsPerAddress: 2 });
    for (const address of ["2001:db8:1:2::1", "2001:db8:1:3::1", "2001:db8:2:2::1", "1:2:3:4::"]) {
      limits.take(address);
    }
    assert.equal(limits.addresses, 4);
    limits.take("::ffff:192.0.2.1");
    limits.take("192.0.2.1");
    assert.equal(limits.addresses, 5);
    assert.throws(() => limits.take("::FFFF:192.0.2.1"), refused(429));
    limits.take("::ffff:192.0.2.2");
  });

  test("is by default 20,000 in all and 100 from one address", () => {
    const limits = new Capacity();
    for (let i = 0; i < 100; i++) limits.take("192.0.2.1");
    assert.throws(() => limits.take("192.0.2.1"), refused(429));
    for (let i = 100; i < 20_000; i++) limits.take("127.0.0.1");
    assert.throws(() => limits.take("127.0.0.1"), refused(503));
  });
});

function holding(app = new App()): App {
  return app.websocket("/", async (socket) => void (await socket.closed));
}

/** The raw clients of a test; they are closed before the server is. */
class Crowd implements AsyncDisposable {
  readonly #client: TestClient;
  readonly #wires = new Set<Wire>();

  constructor(client: TestClient) {
    this.#client = client;
  }

  /** Opens a connection and leaves it open. */
  async open(path = "/", address?: string): Promise<Wire> {
    const wire = await Wire.connect(this.#client.url);
    this.#wires.add(wire);
    wire.write(handshake(path, { "X-Forwarded-For": address }));
    assert.equal((await wire.head()).status, 101);
    return wire;
  }

  /** Ends connections without a word, and waits until the server has noticed. */
  async drop(...wires: Wire[]): Promise<void> {
    for (const wire of wires) {
      const closed = once(this.#client.serving.upgrades, "closed");
      wire.socket.resetAndDestroy();
      await closed;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const wire of this.#wires) await wire[Symbol.asyncDispose]();
  }
}

/** Has a handshake refused. */
async function refusal(client: TestClient, path = "/", address?: string) {
  await using wire = await Wire.connect(client.url);
  wire.write(handshake(path, { "X-Forwarded-For": address }));
  return await wire.response();
}

describe("a server's limits", () => {
  const behindProxy: StartOptions = { trustProxy: ["loopback"] };

  test("refuse 503 with Retry-After what is too many in all, and take the next when one leaves", async () => {
    await using client = await TestClient.start(holding(), { maxConnections: 2 });
    await using crowd = new Crowd(client);
    const [one] = [await crowd.open(), await crowd.open()];
    const { status, headers, body } = await refusal(client);
    assert.equal(status, 503);
    assert.equal(headers.get("retry-after"), "5");
    assert.equal(headers.get("connection"), "close");
    assert.equal(body, "expected room for a connection, but this server is full; try again later");
    await crowd.drop(one as Wire);
    await crowd.open();
    assert.equal((await refusal(client)).status, 503);
  });

  test("refuse 429 what is too many from one address, and nobody else", async () => {
    const options = { ...behindProxy, maxConnectionsPerAddress: 2 };
    await using client = await TestClient.start(holding(), options);
    await using crowd = new Crowd(client);
    const one = await crowd.open("/", "203.0.113.7");
    await crowd.open("/", "203.0.113.7");
    const { status, headers, body } = await refusal(client, "/", "203.0.113.7");
    assert.equal(status, 429);
    assert.equal(headers.get("retry-after"), "5");
    assert.equal(
      body,
      "expected fewer connections from this address; close some, or try again later",
    );
    await crowd.open("/", "203.0.113.8");
    // What a client writes before the proxy's own entry is not its address.
    assert.equal((await refusal(client, "/", "203.0.113.9, 203.0.113.7")).status, 429);
    await crowd.drop(one);
    await crowd.open("/", "203.0.113.7");
  });

  test("have no share for loopback, or for a proxy that is trusted and forwards nobody's address", async () => {
    for (const options of [{}, behindProxy, { trustProxy: ["loopback", "203.0.113.7"] }]) {
      await using client = await TestClient.start(holding(), {
        ...options,
        maxConnectionsPerAddress: 1,
      });
      await using crowd = new Crowd(client);
      for (let i = 0; i < 3; i++) await crowd.open();
      if (options.trustProxy?.length === 2) {
        for (let i = 0; i < 3; i++) await crowd.open("/", "203.0.113.7");
      }
    }
  });

  test("cannot be got around by a stranger's X-Forwarded-For, nor turned against another", async () => {
    await using client = await TestClient.start(holding(), {
      trustProxy: ["192.0.2.1"],
      maxConnectionsPerAddress: 1,
    });
    await using crowd = new Crowd(client);
    // This peer is loopback: whatever it claims, it stays that.
    for (let i = 0; i < 3; i++) await crowd.open("/", "203.0.113.7");
  });

  test("count again from nothing after refusals, aborts and closes of every kind", async () => {
    const app = holding();
    const arrived: (() => void)[] = [];
    app.websocket(
      "/slow",
      () => new Promise(() => arrived.shift()?.()),
      () => {},
    );
    app.websocket(
      "/broken",
      () => {
        throw Object.assign(new Error("no"), { status: 500, expose: true });
      },
      () => {},
    );
    app.websocket("/short", () => {});
    app.websocket("/thrown", () => {
      throw new Error("handler");
    });
    app.on("error", () => {});
    await using client = await TestClient.start(app, {
      ...behindProxy,
      maxConnections: 4,
      maxConnectionsPerAddress: 3,
      handshakeTimeoutMs: 1_000,
    });
    await using crowd = new Crowd(client);
    const { upgrades } = client.serving;
    const address = "203.0.113.7";
    for (let round = 0; round < 6; round++) {
      // Refused by the app, by a guard, and before the app.
      assert.equal((await refusal(client, "/nowhere", address)).status, 403);
      assert.equal((await refusal(client, "/broken", address)).status, 500);
      await using malformed = await Wire.connect(client.url);
      malformed.write(handshake("/", { "Sec-WebSocket-Key": "x", "X-Forwarded-For": address }));
      assert.equal((await malformed.response()).status, 400);
      // Aborted on the way.
      const leaving = await Wire.connect(client.url);
      const there = new Promise<void>((resolve) => arrived.push(resolve));
      const abandoned = once(upgrades, "abandoned");
      leaving.write(handshake("/slow", { "X-Forwarded-For": address }));
      await there;
      leaving.socket.resetAndDestroy();
      await abandoned;
      // Closed by the handler, by its error, by the client, and without a word.
      for (const path of ["/short", "/thrown"]) {
        const closed = once(upgrades, "closed");
        const wire = await crowd.open(path, address);
        const { payload } = await wire.frame();
        wire.write(frame(8, payload.subarray(0, 2)));
        await wire.end();
        await closed;
      }
      const closed = once(upgrades, "closed");
      const polite = await crowd.open("/", address);
      polite.write(frame(8, Buffer.from([0x03, 0xe8])));
      await polite.end();
      await closed;
      await crowd.drop(await crowd.open("/", address));
    }
    // Exactly as many as at the start.
    const wires: Wire[] = [];
    for (let i = 0; i < 3; i++) wires.push(await crowd.open("/", address));
    assert.equal((await refusal(client, "/", address)).status, 429);
    wires.push(await crowd.open("/", "203.0.113.8"));
    assert.equal((await refusal(client, "/", "203.0.113.9")).status, 503);
    await crowd.drop(...wires);
    assert.equal(upgrades.live.size, 0);
  });

  test("count handshakes that are on their way", async () => {
    const app = new App();
    const arrived = new Promise<void>((resolve) => {
      app.websocket(
        "/",
        (_ctx, next) => {
          resolve();
          return new Promise<void>((goOn) => gates.push(goOn)).then(next);
        },
        async (socket) => void (await socket.closed),
      );
    });
    const gates: (() => void)[] = [];
    await using client = await TestClient.start(app, { maxConnections: 1 });
    await using waiting = await Wire.connect(client.url);
    waiting.write(handshake("/"));
    await arrived;
    assert.equal((await refusal(client)).status, 503);
    for (const goOn of gates) goOn();
    assert.equal((await waiting.head()).status, 101);
  });

  test("do not hold up plain HTTP", async () => {
    const app = holding();
    app.router.get("/page", (ctx) => {
      ctx.body = "here";
    });
    await using client = await TestClient.start(app, { maxConnections: 1 });
    await using crowd = new Crowd(client);
    await crowd.open();
    assert.equal((await refusal(client)).status, 503);
    assert.equal(await (await client.fetch("/page")).text(), "here");
  });
});

describe("an app's own limit", () => {
  test("refuses 503 with Retry-After below its mount, and its neighbours notice nothing", async () => {
    const small = holding(new App({ maxConnections: 1 }));
    const app = new App().mount("/small", small).mount("/other", holding());
    await using client = await TestClient.start(app);
    await using crowd = new Crowd(client);
    const first = await crowd.open("/small/");
    const { status, headers } = await refusal(client, "/small/");
    assert.equal(status, 503);
    assert.equal(headers.get("retry-after"), "5");
    await crowd.open("/other/");
    assert.equal(small.limits?.total, 1);
    await crowd.drop(first);
    assert.equal(small.limits?.total, 0);
    await crowd.open("/small/");
  });

  test("counts what is mounted in the app, at any depth and by parameters too", async () => {
    const outer = new App({ maxConnections: 3 });
    const inner = holding(new App({ maxConnections: 2 }));
    outer.mount("/:room", inner).mount("/b", holding());
    const app = new App().mount("/a", outer);
    await using client = await TestClient.start(app);
    await using crowd = new Crowd(client);
    const wires = [await crowd.open("/a/1/"), await crowd.open("/a/2/")];
    assert.equal((await refusal(client, "/a/3/")).status, 503);
    // The refusal of the inner app has not stayed on the outer one's count.
    assert.deepEqual([inner.limits?.total, outer.limits?.total], [2, 2]);
    wires.push(await crowd.open("/a/b/"));
    assert.equal((await refusal(client, "/a/b/")).status, 503);
    assert.deepEqual([inner.limits?.total, outer.limits?.total], [2, 3]);
    await crowd.drop(...wires);
    assert.deepEqual([inner.limits?.total, outer.limits?.total], [0, 0]);
  });

  test("does not count a client that had half left when it was about to be accepted", async () => {
    const app = new App({ maxConnections: 1 });
    app.use(async (ctx, next) => {
      if (ctx.get("x-slow")) await once(ctx.req.socket, "end");
      await next();
    });
    holding(app);
    await using client = await TestClient.start(app);
    await using crowd = new Crowd(client);
    for (let i = 0; i < 3; i++) {
      await using wire = await Wire.connect(client.url, true);
      wire.write(handshake("/", { "X-Slow": "yes" }));
      wire.socket.end();
      assert.equal((await wire.response()).status, 400);
    }
    assert.equal(app.limits?.total, 0);
    await crowd.open();
  });

  test("counts nothing that a guard refuses", async () => {
    const app = new App({ maxConnections: 1 });
    app.use((ctx, next) => (ctx.get("token") ? next() : ctx.throw(401)));
    holding(app);
    await using client = await TestClient.start(app);
    await using crowd = new Crowd(client);
    for (let i = 0; i < 3; i++) assert.equal((await refusal(client)).status, 401);
    assert.equal(app.limits?.total, 0);
    await using wire = await Wire.connect(client.url);
    wire.write(handshake("/", { token: "x" }));
    assert.equal((await wire.head()).status, 101);
    assert.equal(app.limits?.total, 1);
    await crowd.drop(wire);
    assert.equal(app.limits?.total, 0);
  });
});
