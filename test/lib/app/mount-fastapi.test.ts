import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Koa from "koa";
import koaMount from "koa-mount";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { feature } from "../../support/feature.ts";
import { assertMovedTo, assertNothingAt, handshake, http } from "../../support/path-answers.ts";

interface SetUp {
  readonly name: string;
  /** The feature's whole prefix, as a client writes it. */
  readonly base: string;
  readonly root: () => Koa;
}

const setUps: readonly SetUp[] = [
  {
    name: "a literal mount",
    base: "/ws",
    root: () => new App().mount("/ws", feature()),
  },
  {
    name: "a literal mount written with a final slash",
    base: "/ws",
    root: () => new App().mount("/ws/", feature()),
  },
  {
    name: "a mount three deep",
    base: "/one/two/ws",
    root: () => {
      const two = new App().mount("/ws", feature());
      const one = new App().mount("/two", two);
      return new App().mount("/one", one);
    },
  },
  {
    name: "a parameterised mount",
    base: "/orgs/acme",
    root: () => new App().mount("/orgs/:org", feature()),
  },
  {
    name: "a parameterised mount three deep",
    base: "/one/two/ws",
    root: () => {
      const two = new App().mount("/:third", feature());
      const one = new App().mount("/two", two);
      return new App().mount("/:first", one);
    },
  },
  {
    // koa-mount makes no row impossible: the feature sees the target as it was sent and judges it.
    name: "an app of ours inside plain Koa through koa-mount",
    base: "/ws",
    root: () => new Koa().use(koaMount("/ws", feature())),
  },
];

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

for (const { name, base, root } of setUps) {
  describe(`the mount table of FastAPI holds for ${name}`, () => {
    test("a missing slash is a 307 to the path with it for every method of HTTP", async () => {
      await using client = await TestClient.start(root());
      for (const method of methods) {
        for (const [target, location] of [
          [base, `${base}/`],
          [`${base}?x=1`, `${base}/?x=1`],
        ] as const) {
          const body = method === "POST" || method === "PUT" || method === "PATCH" ? "data" : "";
          const response = await http(client, target, { method, body });
          assert.equal(response.status, 307, `${method} ${target}`);
          assert.equal(response.headers.get("location"), location, `${method} ${target}`);
        }
      }
    });

    test("a missing slash refuses a handshake with 403 and names the URL to use", async () => {
      await using client = await TestClient.start(root());
      await assertMovedTo(client, base, `${base}/`);
      await assertMovedTo(client, `${base}?x=1`, `${base}/?x=1`);
    });

    test("the query of a redirect is kept byte for byte", async () => {
      await using client = await TestClient.start(root());
      for (const query of ["?", "??", "?a=1&a=2", "?q=%2f+%20%C3%a9", "?next=//evil.example/x"]) {
        await assertMovedTo(client, base + query, `${base}/${query}`);
      }
    });

    test("the prefix with its slash is the sub-app's own root, for HTTP and WebSocket", async () => {
      await using client = await TestClient.start(root());
      for (const method of methods) {
        const response = await http(client, `${base}/`, { method });
        assert.equal(response.status, 200, method);
        assert.equal(response.headers.get("x-path"), "/", method);
        assert.equal(response.headers.get("x-mount"), base, method);
        assert.equal(response.body, method === "HEAD" ? "" : "the feature's page");
      }
      const accepted = await handshake(client, `${base}/?x=1`);
      assert.equal(accepted.status, 101);
      assert.equal(accepted.headers.get("x-path"), "/");
      assert.equal(accepted.headers.get("x-query"), "x=1");
      const socket = await client.connect(`${base}/`);
      assert.equal(await socket.receive(), `connected to / under ${base}`);
    });

    test("a longer path is the sub-app's path, for HTTP and WebSocket", async () => {
      await using client = await TestClient.start(root());
      const page = await http(client, `${base}/rooms/1?x=1`);
      assert.equal(page.status, 200);
      assert.equal(page.headers.get("x-path"), "/rooms/1");
      assert.equal(page.headers.get("x-query"), "x=1");
      assert.equal(page.body, "room 1");
      const socket = await client.connect(`${base}/rooms/1?x=1`);
      assert.equal(await socket.receive(), "room 1");
    });

    test("a path that only resembles the prefix is 404 for HTTP and 403 for a handshake", async () => {
      await using client = await TestClient.start(root());
      const last = base.slice(base.lastIndexOf("/"));
      const first = base.slice(0, base.indexOf("/", 1)) || base;
      // `/wsx` and `/w%73/`, in a segment that is literal in every set-up or in none.
      const literal = first === "/orgs" ? base.replace("orgs", "orgsx") : `${base}x/y`;
      const targets = [
        `${base}//`,
        literal,
        `/${base}/`,
        base.replaceAll("/", "//"),
        `${base}${last}/`,
        `${base}/..${last}/`,
        `${base}/../`,
        `${base}/./`,
        `${base}/.`,
        `/.${base}/`,
        `${base}/%2e%2e${last}/`,
        `${base}/%2E%2e${last}/`,
        `${base}/.%2e${last}/`,
        `${base}/%2e/`,
        `${base}/%2F`,
        `${base}%2F`,
        `${base}%2F/`,
        `${base};x`,
        `${base}/unknown`,
        `${base}/ROOMS/1`,
        `${base}/rooms/1/2`,
        `${base}/rooms//1`,
      ];
      for (const target of targets) {
        // A parameter takes any text, so for it this one is a missing slash of another app.
        const anyText = /^\/(orgs|one\/two)\/\w+(%2F|;x)/.test(target) && name.includes("param");
        if (!anyText) await assertNothingAt(client, target);
      }
    });

    test("a prefix in another case or encoding is 404 for HTTP and 403 for a handshake", async () => {
      await using client = await TestClient.start(root());
      // The literal segment of each set-up: `ws`, `two` or `orgs`.
      const literal = /orgs|two|ws/.exec(base)?.[0] ?? "";
      const escaped = literal.replace("s", "%73").replace("t", "%74");
      assert.notEqual(escaped, literal);
      await assertNothingAt(client, `${base.replace(literal, literal.toUpperCase())}/`);
      await assertNothingAt(client, `${base.replace(literal, escaped)}/`);
      await assertNothingAt(client, base.replace(literal, literal.toUpperCase()));
      await assertNothingAt(client, base.replace(literal, escaped));
    });

    test("a backslash or a # in the target is 404 for HTTP and 403 for a handshake", async () => {
      await using client = await TestClient.start(root());
      const targets = [
        `${base}\\`,
        `${base}\\#`,
        `${base}/\\`,
        `${base}/\\#`,
        `${base}\\rooms\\1`,
        `${base}/rooms\\1`,
        `${base}/rooms/1\\#`,
        `${base.replaceAll("/", "\\").replace("\\", "/")}\\x`,
        `/\\${base.slice(1)}/`,
        `${base}#`,
        `${base}/#`,
        `${base}#/`,
        `${base}/#x`,
        `${base}?#`,
        `${base}/?x=1#`,
        `${base}/rooms/1#x`,
      ];
      for (const target of targets) await assertNothingAt(client, target);
    });

    test("a target in absolute form is 404 for HTTP and 403 for a handshake", async () => {
      await using client = await TestClient.start(root());
      await assertNothingAt(client, `http://x${base}/`);
      await assertNothingAt(client, `http://x${base}`);
      await assertNothingAt(client, `http://test.example${base}/rooms/1`);
    });

    test("a path that only HTTP serves is 200, and 403 for a handshake", async () => {
      await using client = await TestClient.start(root());
      const page = await http(client, `${base}/http-only`);
      assert.equal(page.status, 200);
      assert.equal(page.body, "plain");
      const refused = await handshake(client, `${base}/http-only`);
      assert.equal(refused.status, 403);
      assert.match(refused.body, /plain HTTP/);
    });

    test("a path that only WebSocket serves is 101, and 426 with Upgrade for HTTP", async () => {
      await using client = await TestClient.start(root());
      for (const method of methods) {
        const page = await http(client, `${base}/ws-only`, { method });
        assert.equal(page.status, 426, method);
        assert.equal(page.headers.get("upgrade"), "websocket", method);
      }
      assert.equal((await handshake(client, `${base}/ws-only`)).status, 101);
    });

    test("the final slash of a route is redirected for HTTP, and named to a handshake", async () => {
      await using client = await TestClient.start(root());
      await assertMovedTo(client, `${base}/rooms/1/`, `${base}/rooms/1`);
      await assertMovedTo(client, `${base}/http-only/?a=%2f`, `${base}/http-only?a=%2f`);
      await assertMovedTo(client, `${base}/ws-only/`, `${base}/ws-only`);
      await assertMovedTo(client, `${base}/rooms/caf%c3%a9%2F/`, `${base}/rooms/caf%c3%a9%2F`);
      await assertNothingAt(client, `${base}/http-only//`);
    });
  });
}
