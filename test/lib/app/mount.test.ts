import assert from "node:assert/strict";
import { METHODS } from "node:http";
import { describe, test } from "node:test";
import Koa from "koa";
import koaMount from "koa-mount";
import { App } from "../../../lib/index.ts";
import { HandshakeRefused, TestClient } from "../../../lib/testing/index.ts";
import { handshakeText, type RawOptions, rawRequest, requestText } from "../../support/raw.ts";

// What the FastAPI table is about: one app with a path for both, one for HTTP, one for WebSocket.
// Every answer says in headers where it came from, so that a 101 tells it too.
function feature(): App {
  const app = new App();
  app.use((ctx, next) => {
    ctx.set({ "X-Path": ctx.path, "X-Mount": ctx.mountPath, "X-Query": ctx.querystring });
    return next();
  });
  app.router.all("/", (ctx) => {
    ctx.body = "the feature's page";
  });
  app.websocket("/", async (socket, ctx) => {
    await socket.send(`connected to ${ctx.path} under ${ctx.mountPath}`);
  });
  app.router.get("/rooms/:room", (ctx) => {
    ctx.body = `room ${ctx.params.room}`;
  });
  app.websocket("/rooms/:room", async (socket, ctx) => {
    await socket.send(`room ${ctx.params.room}`);
  });
  app.router.get("/http-only", (ctx) => {
    ctx.body = "plain";
  });
  app.websocket("/ws-only", () => {});
  return app;
}

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

const portOf = (client: TestClient) => Number(new URL(client.url).port);
const http = (client: TestClient, target: string, options?: RawOptions) =>
  rawRequest(portOf(client), requestText(target, options));
const handshake = (client: TestClient, target: string, options?: RawOptions) =>
  rawRequest(portOf(client), handshakeText(target, options));

/** Asserts that nothing is there: 404 for HTTP, 403 with a one-line reason for a handshake. */
async function assertNothingAt(client: TestClient, target: string): Promise<void> {
  const page = await http(client, target);
  assert.equal(page.status, 404, `GET ${target}`);
  assert.equal(page.headers.get("location"), null, `GET ${target}`);
  const refused = await handshake(client, target);
  assert.equal(refused.status, 403, `handshake of ${target}`);
  assert.equal(refused.headers.get("connection"), "close", `handshake of ${target}`);
  assert.match(refused.body, /^[^\n]+$/, `handshake of ${target}`);
}

/** Asserts that HTTP is redirected and a handshake is told where to go. */
async function assertMovedTo(client: TestClient, target: string, location: string): Promise<void> {
  const page = await http(client, target);
  assert.equal(page.status, 307, `GET ${target}`);
  assert.equal(page.headers.get("location"), location, `GET ${target}`);
  const refused = await handshake(client, target);
  assert.equal(refused.status, 403, `handshake of ${target}`);
  assert.equal(refused.headers.get("location"), null, `handshake of ${target}`);
  assert.match(refused.body, /^[^\n]+$/, `handshake of ${target}`);
  assert.ok(refused.body.includes(location), `expected ${location} in: ${refused.body}`);
}

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

describe("a redirect", () => {
  test("keeps the percent-encoding of a parameterised prefix byte for byte", async () => {
    await using client = await TestClient.start(new App().mount("/orgs/:org", feature()));
    await assertMovedTo(client, "/orgs/caf%c3%A9%2f?q=%2F", "/orgs/caf%c3%A9%2f/?q=%2F");
    await assertMovedTo(client, "/orgs/%5Cevil.example", "/orgs/%5Cevil.example/");
    await assertMovedTo(client, "/orgs/100%", "/orgs/100%/");
  });

  test("never points to another host, whatever the path and the Host header say", async () => {
    const app = new App();
    app.mount("/:tenant", feature());
    app.router.get("/:a/:b/", (ctx) => {
      ctx.body = "with a slash";
    });
    app.router.get("/:a/:b/:c", (ctx) => {
      ctx.body = "without";
    });
    await using client = await TestClient.start(app, { allowedHosts: ["evil.example"] });
    for (const target of [
      "//evil.example",
      "//evil.example/",
      "///evil.example",
      "//evil.example/a",
      "//evil.example/a/b/",
      "/\\evil.example",
      "/\\evil.example/a",
      "\\\\evil.example",
      "http://evil.example",
      "http://evil.example/a",
    ]) {
      const response = await http(client, target).catch(() => undefined);
      assert.equal(response?.headers.get("location") ?? null, null, target);
      assert.ok(!response || response.status >= 400, target);
    }
    const response = await http(client, "/t", { headers: { Host: "evil.example" } });
    assert.equal(response.headers.get("location"), "/t/");
  });

  test("does not happen where the URL parser reads another path than was sent", async () => {
    for (const root of [feature(), new Koa().use(koaMount("/", feature()))]) {
      await using client = await TestClient.start(root);
      for (const target of ["/#", "/\\#", "/?#", "/http-only\\#", "/http-only/\\", "/#/"]) {
        await assertNothingAt(client, target);
      }
    }
  });

  test("follows to the sub-app with method and body, as 307 asks a client to", async () => {
    const app = new App();
    const sub = new App();
    sub.router.post("/", async (ctx) => {
      let body = "";
      for await (const chunk of ctx.req) body += chunk;
      ctx.body = body;
    });
    app.mount("/sub", sub);
    await using client = await TestClient.start(app);
    const response = await client.fetch("/sub", {
      method: "POST",
      body: "kept",
      redirect: "follow",
    });
    assert.equal(await response.text(), "kept");
  });
});

describe("an app's own routes", () => {
  const routed = () => {
    const app = new App();
    app.router.get("/plain", (ctx) => {
      ctx.body = "plain";
    });
    app.router.get("/slash/", (ctx) => {
      ctx.body = "slash";
    });
    app.router.post("/form", (ctx) => {
      ctx.body = "form";
    });
    app.websocket("/socket", () => {});
    app.websocket("/socket-slash/", () => {});
    return app;
  };

  test("are strict about the final slash, in both directions", async () => {
    await using client = await TestClient.start(routed());
    assert.equal((await http(client, "/plain")).status, 200);
    assert.equal((await http(client, "/slash/")).status, 200);
    await assertMovedTo(client, "/plain/", "/plain");
    await assertMovedTo(client, "/slash?a=1", "/slash/?a=1");
    await assertMovedTo(client, "/socket/", "/socket");
    await assertMovedTo(client, "/socket-slash", "/socket-slash/");
    const post = await http(client, "/form/", { method: "POST", body: "x" });
    assert.equal(post.status, 307);
    assert.equal(post.headers.get("location"), "/form");
  });

  test("are case-sensitive", async () => {
    await using client = await TestClient.start(routed());
    for (const path of ["/Plain", "/PLAIN/", "/Socket", "/SLASH/"])
      await assertNothingAt(client, path);
  });

  test("answer a method they do not have with 405, and OPTIONS with the ones they have", async () => {
    await using client = await TestClient.start(routed());
    const refused = await http(client, "/form", { method: "DELETE" });
    assert.equal(refused.status, 405);
    assert.equal(refused.headers.get("allow"), "POST");
    const options = await http(client, "/plain", { method: "OPTIONS" });
    assert.equal(options.status, 200);
    assert.equal(options.headers.get("allow"), "HEAD, GET");
  });

  test("answer both HTTP and WebSocket at one path, each by its own handler", async () => {
    const app = new App();
    app.router.get("/both", (ctx) => {
      ctx.body = "page";
    });
    app.websocket("/both", async (socket) => {
      await socket.send("socket");
    });
    await using client = await TestClient.start(app);
    assert.equal(await (await client.fetch("/both")).text(), "page");
    assert.equal(await (await client.connect("/both")).receive(), "socket");
  });

  test("of plain HTTP do not run for a handshake", async () => {
    const app = new App();
    let runs = 0;
    app.router.use((_ctx, next) => {
      runs++;
      return next();
    });
    app.router.all("/page", (ctx) => {
      runs++;
      ctx.status = 402;
    });
    await using client = await TestClient.start(app);
    const refused = await handshake(client, "/page");
    assert.equal(refused.status, 403);
    assert.match(refused.body, /plain HTTP/);
    assert.equal(runs, 0);
    assert.equal((await http(client, "/page")).status, 402);
    assert.equal(runs, 2);
  });

  test("guard with router.use() below parameterised prefixes and in any case", async () => {
    const app = new App();
    app.router.use("/orgs/:org", (ctx, next) => (ctx.get("Token") ? next() : ctx.throw(401)));
    app.router.get("/orgs/:org/secret", (ctx) => {
      ctx.body = "secret";
    });
    await using client = await TestClient.start(app);
    assert.equal((await http(client, "/orgs/acme/secret")).status, 401);
    assert.notEqual((await http(client, "/ORGS/acme/secret")).status, 200);
    assert.equal(
      (await http(client, "/orgs/acme/secret", { headers: { Token: "t" } })).status,
      200,
    );
  });

  test("at a mount's prefix go before the redirect to the mount", async () => {
    const app = new App();
    app.router.get("/ws", (ctx) => {
      ctx.body = "the parent's page";
    });
    app.mount("/ws", feature());
    app.mount("/:tenant", feature());
    app.websocket("/acme", async (socket) => {
      await socket.send("the parent's socket");
    });
    await using client = await TestClient.start(app);
    assert.equal(await (await client.fetch("/ws")).text(), "the parent's page");
    assert.equal(await (await client.fetch("/ws/")).text(), "the feature's page");
    assert.equal(await (await client.connect("/acme")).receive(), "the parent's socket");
    assert.equal(await (await client.connect("/acme/")).receive(), "connected to / under /acme");
  });

  test("do not answer below a mount's prefix", async () => {
    const app = new App();
    app.mount("/ws", feature());
    app.router.get("/ws/parents", (ctx) => {
      ctx.body = "never";
    });
    app.router.get("/:any/unknown", (ctx) => {
      ctx.body = "never";
    });
    app.websocket("/ws/parents", () => {});
    await using client = await TestClient.start(app);
    await assertNothingAt(client, "/ws/parents");
    await assertNothingAt(client, "/ws/unknown");
  });
});

describe("a mount at /", () => {
  const site = () => {
    const app = new App();
    app.use((ctx, next) => {
      // A catch-all page, as a site with client-side routing has it.
      if (ctx.path === "/page") ctx.body = "the site's page";
      return next();
    });
    app.router.get("/{*any}", (ctx) => {
      ctx.body = `the site's ${ctx.path} under "${ctx.mountPath}"`;
    });
    app.websocket("/live", async (socket) => {
      await socket.send("the site's socket");
    });
    return app;
  };

  for (const order of ["before", "after"]) {
    test(`never disables a redirect, mounted ${order} the others`, async () => {
      const app = new App();
      if (order === "before") app.mount("/", site());
      app.mount("/ws", feature());
      app.mount("/orgs/:org", feature());
      app.router.get("/own", (ctx) => {
        ctx.body = "own";
      });
      if (order === "after") app.mount("/", site());
      await using client = await TestClient.start(app);
      await assertMovedTo(client, "/ws?x=1", "/ws/?x=1");
      await assertMovedTo(client, "/orgs/acme", "/orgs/acme/");
      await assertMovedTo(client, "/own/", "/own");
    });

    test(`answers what no other prefix owns, mounted ${order} the others`, async () => {
      const app = new App();
      if (order === "before") app.mount("/", site());
      app.mount("/ws", feature());
      if (order === "after") app.mount("/", site());
      await using client = await TestClient.start(app);
      assert.equal((await http(client, "/")).body, `the site's / under ""`);
      assert.equal((await http(client, "/wsx")).body, `the site's /wsx under ""`);
      assert.equal((await http(client, "/WS/")).body, `the site's /WS/ under ""`);
      assert.equal(await (await client.connect("/live")).receive(), "the site's socket");
      await assertNothingAt(client, "/ws/unknown");
      await assertNothingAt(client, "/ws//");
    });
  }

  test("works without any other mount, for plain Koa apps too", async () => {
    const plain = new Koa();
    plain.use((ctx) => {
      ctx.body = `plain ${ctx.path}`;
    });
    await using client = await TestClient.start(new App().mount("/", plain));
    assert.equal((await http(client, "/any/path/")).body, "plain /any/path/");
    assert.equal((await handshake(client, "/any/path/")).status, 403);
  });
});

describe("a mount", () => {
  test("owns its prefix: a catch-all of the parent does not answer below it", async () => {
    const app = new App();
    app.mount("/ws", feature());
    app.use(async (ctx, next) => {
      await next();
      if (ctx.path.startsWith("/front")) ctx.body = "a fallback the parent wrote on purpose";
    });
    const catchAll = new Koa();
    catchAll.use((ctx) => {
      ctx.body = "<h1>index.html</h1>";
    });
    app.mount("/", catchAll);
    app.router.get("/ws/{*any}", (ctx) => {
      ctx.body = "never";
    });
    await using client = await TestClient.start(app);
    await assertNothingAt(client, "/ws/unknown");
    await assertNothingAt(client, "/ws/rooms/1/2");
    assert.equal((await http(client, "/elsewhere")).body, "<h1>index.html</h1>");
    const refused = await handshake(client, "/elsewhere");
    assert.equal(refused.status, 403);
    assert.doesNotMatch(refused.body, /<h1>/);
  });

  test("at the longest prefix wins, in every order of registration", async () => {
    const prefixes = ["/", "/a", "/a/b", "/a/b/c", "/:x/b", "/a/:y/c", "/:x/:y/:z"];
    const where: [path: string, prefix: string][] = [
      ["/z", "/"],
      ["/a/z", "/a"],
      ["/a/b/", "/a/b"],
      ["/a/b/c/z", "/a/b/c"],
      ["/q/b/", "/:x/b"],
      ["/a/q/c/z", "/a/:y/c"],
      ["/q/r/s/z", "/:x/:y/:z"],
      // Longer and less literal beats shorter and literal.
      ["/a/b/q/z", "/:x/:y/:z"],
      ["/q/b/c/z", "/:x/:y/:z"],
    ];
    for (const order of orders(prefixes)) {
      const app = new App();
      for (const prefix of order) app.mount(prefix, named(prefix));
      await using client = await TestClient.start(app);
      for (const [path, prefix] of where) {
        const { body } = await http(client, path);
        assert.equal(body, prefix, `${path} with ${order.join(" ")}`);
      }
    }
  });

  test("with a parameter gives way to a literal one and to a longer one", async () => {
    const app = new App();
    app.mount("/orgs/:org", feature());
    app.mount("/orgs/acme", named("the literal"));
    app.mount("/orgs/:org/x", named("the longer"));
    await using client = await TestClient.start(app);
    assert.equal((await http(client, "/orgs/other/rooms/1")).body, "room 1");
    assert.equal((await http(client, "/orgs/other/")).headers.get("x-mount"), "/orgs/other");
    assert.equal((await http(client, "/orgs/acme/rooms/1")).body, "the literal");
    assert.equal((await http(client, "/orgs/acme/x/")).body, "the longer");
    assert.equal((await http(client, "/orgs/other/x/")).body, "the longer");
    assert.equal((await http(client, "/orgs/other/xx")).headers.get("x-mount"), "/orgs/other");
    await assertMovedTo(client, "/orgs/acme", "/orgs/acme/");
    await assertMovedTo(client, "/orgs/other/x", "/orgs/other/x/");
    await assertNothingAt(client, "/orgs/");
    await assertNothingAt(client, "/orgs//");
    await assertNothingAt(client, "/orgs");
  });

  test("is reachable among a thousand, each under its own prefix", async () => {
    const app = new App();
    for (let i = 0; i < 1_000; i++) app.mount(`/feature-${i}`, named(String(i)));
    await using client = await TestClient.start(app);
    for (let i = 0; i < 1_000; i += 37) {
      assert.equal((await http(client, `/feature-${i}/`)).body, String(i));
    }
    assert.equal((await http(client, "/feature-999/")).body, "999");
    await assertNothingAt(client, "/feature-1000/");
  });

  test("at a prefix that is taken is refused, naming both and the remedy", () => {
    for (const [first, second] of [
      ["/ws", "/ws"],
      ["/ws", "/ws/"],
      ["/ws/", "/ws"],
      ["/", "/"],
      ["/orgs/:a", "/orgs/:b"],
      ["/orgs/:a/x", "/orgs/:b/x/"],
    ] as const) {
      const app = new App().mount(first, feature());
      assert.throws(
        () => app.mount(second, feature()),
        (error: Error) => {
          assert.ok(error.message.includes(second), error.message);
          assert.ok(error.message.includes(first.replace(/(.)\/$/, "$1")), error.message);
          assert.match(error.message, /mount the second app elsewhere, or inside the first/);
          return true;
        },
      );
      assert.equal(app.mounts.length, 1, "the refused app must not have a lifespan either");
    }
  });

  test("at a malformed prefix is refused with an example of a sound one", () => {
    for (const prefix of malformed) {
      assert.throws(() => new App().mount(prefix, feature()), /such as "\/ws"/, prefix);
    }
  });

  test("of what is no app is refused", () => {
    for (const what of [async () => {}, undefined, {}, "app"]) {
      const message = `expected a Koa app at /fn, but got ${typeof what}`;
      assert.throws(() => new App().mount("/fn", what as never), { name: "TypeError", message });
    }
  });

  test("of an app in itself is refused, at any depth", () => {
    const outer = new App();
    assert.throws(() => outer.mount("/self", outer), /contain itself/);
    const middle = new App();
    const inner = new App();
    outer.mount("/middle", middle);
    middle.mount("/inner", inner);
    assert.throws(() => inner.mount("/outer", outer), /contain itself/);
    assert.throws(() => middle.mount("/outer", outer), /contain itself/);
    assert.equal(inner.mounts.length, 0);
  });

  test("can hold the same app as another mount, each with its own prefix", async () => {
    const app = new App();
    const shared = feature();
    app.mount("/one", shared);
    app.mount("/two", shared);
    app.mount("/orgs/:org", new App().mount("/three", shared));
    await using client = await TestClient.start(app);
    for (const base of ["/one", "/two", "/orgs/acme/three"]) {
      const socket = await client.connect(`${base}/`);
      assert.equal(await socket.receive(), `connected to / under ${base}`);
      await assertMovedTo(client, base, `${base}/`);
    }
  });

  test("keeps concurrent requests to different prefixes apart", async () => {
    const app = new App();
    const shared = feature();
    app.mount("/one", shared);
    app.mount("/orgs/:org", shared);
    await using client = await TestClient.start(app);
    const bases = Array.from({ length: 40 }, (_, i) => (i % 2 ? "/one" : `/orgs/n${i}`));
    const responses = await Promise.all(bases.map((base) => http(client, `${base}/rooms/1`)));
    assert.deepEqual(
      responses.map(({ headers }) => headers.get("x-mount")),
      bases,
    );
  });

  test("of a plain Koa app serves HTTP, refuses handshakes, and takes middleware later", async () => {
    const plain = new Koa();
    const app = new App().mount("/plain", plain).mount("/orgs/:org", plain);
    plain.use(async (ctx, next) => {
      ctx.set("X-Path", ctx.path);
      await next();
    });
    await using client = await TestClient.start(app);
    assert.equal((await http(client, "/plain/x")).status, 404);
    plain.use((ctx) => {
      if (ctx.path === "/x")
        ctx.body = `plain at ${ctx.mountPath}, and itself: ${ctx.app === plain}`;
    });
    for (const base of ["/plain", "/orgs/acme"]) {
      const page = await http(client, `${base}/x`);
      assert.equal(page.status, 200);
      assert.equal(page.headers.get("x-path"), "/x");
      assert.equal(page.body, `plain at ${base}, and itself: true`);
      assert.equal((await handshake(client, `${base}/x`)).status, 403);
      await assertMovedTo(client, base, `${base}/`);
      await assertNothingAt(client, `${base}/unknown`);
    }
  });

  test("of an app of ours inside a plain Koa app inside one of ours has the whole prefix", async () => {
    const plain = new Koa().use(koaMount("/inner", feature()));
    const root = new App().mount("/outer", new App().mount("/:name", plain));
    await using client = await TestClient.start(root);
    const socket = await client.connect("/outer/plain/inner/");
    assert.equal(await socket.receive(), "connected to / under /outer/plain/inner");
    await assertMovedTo(client, "/outer/plain/inner", "/outer/plain/inner/");
  });

  test("takes routes, middleware and mounts that are added to its app afterwards", async () => {
    const app = new App();
    const sub = new App();
    app.mount("/sub", sub);
    await using client = await TestClient.start(app);
    await assertNothingAt(client, "/sub/");
    sub.use((ctx, next) => {
      ctx.set("X-Late", "yes");
      return next();
    });
    sub.router.get("/", (ctx) => {
      ctx.body = "late page";
    });
    sub.websocket("/", async (socket) => {
      await socket.send("late socket");
    });
    sub.mount("/deep", feature());
    const page = await http(client, "/sub/");
    assert.equal(page.body, "late page");
    assert.equal(page.headers.get("x-late"), "yes");
    const socket = await client.connect("/sub/");
    assert.equal(await socket.receive(), "late socket");
    assert.equal(socket.headers["x-late"], "yes");
    assert.equal((await http(client, "/sub/deep/rooms/1")).body, "room 1");
  });
});

describe("middleware of use()", () => {
  const guard: Koa.Middleware = async (ctx, next) => {
    if (ctx.get("Token") !== "secret") ctx.throw(401, "a token is needed");
    await next();
  };

  test("guards mounts and routes that were there before it, HTTP and handshakes alike", async () => {
    const app = new App();
    app.mount("/ws", feature());
    app.mount("/orgs/:org", feature());
    app.mount("/", feature());
    app.router.get("/own", (ctx) => {
      ctx.body = "own";
    });
    app.websocket("/own", () => {});
    app.use(guard);
    await using client = await TestClient.start(app);
    for (const path of ["/ws/", "/orgs/acme/", "/", "/own", "/ws", "/own/", "/ws/nothing"]) {
      assert.equal((await http(client, path)).status, 401, path);
      const refused = await handshake(client, path);
      assert.equal(refused.status, 401, path);
      assert.equal(refused.body, "a token is needed", path);
    }
    const headers = { Token: "secret" };
    assert.equal((await http(client, "/ws/", { headers })).status, 200);
    assert.equal((await handshake(client, "/ws/", { headers })).status, 101);
    assert.equal((await handshake(client, "/own", { headers })).status, 101);
  });

  test("guards from inside a sub-app, and not outside it", async () => {
    const sub = feature();
    const app = new App().mount("/guarded", sub).mount("/open", feature());
    sub.use(guard);
    await using client = await TestClient.start(app);
    assert.equal((await http(client, "/guarded/")).status, 401);
    assert.equal((await handshake(client, "/guarded/")).status, 401);
    assert.equal((await http(client, "/open/")).status, 200);
    assert.equal((await handshake(client, "/open/")).status, 101);
  });

  test("guards a running app from the request after it was added", async () => {
    const app = new App().mount("/ws", feature());
    await using client = await TestClient.start(app);
    assert.equal((await handshake(client, "/ws/")).status, 101);
    app.use(guard);
    assert.equal((await handshake(client, "/ws/")).status, 401);
    assert.equal((await http(client, "/ws/")).status, 401);
  });

  test("guards an app of ours inside plain Koa, whenever it was added", async () => {
    const sub = feature();
    const plain = new Koa().use(koaMount("/ws", sub));
    await using client = await TestClient.start(plain);
    sub.use(guard);
    assert.equal((await http(client, "/ws/")).status, 401);
    assert.equal((await handshake(client, "/ws/")).status, 401);
  });

  test("runs once for each request, in the order it was added, the parent's first", async () => {
    const order: string[] = [];
    const note =
      (name: string): Koa.Middleware =>
      async (_ctx, next) => {
        order.push(`${name} in`);
        await next();
        order.push(`${name} out`);
      };
    const sub = new App().use(note("sub 1")) as App;
    const app = new App().use(note("root 1")) as App;
    app.mount("/sub", sub);
    app.use(note("root 2"));
    sub.use(note("sub 2"));
    sub.websocket("/", () => {});
    sub.router.get("/", (ctx) => {
      ctx.body = "page";
    });
    await using client = await TestClient.start(app);
    const expected = ["root 1", "root 2", "sub 1", "sub 2"].map((name) => `${name} in`);
    expected.push(...["sub 2", "sub 1", "root 2", "root 1"].map((name) => `${name} out`));
    await http(client, "/sub/");
    assert.deepEqual(order.splice(0), expected);
    await client.connect("/sub/");
    assert.deepEqual(order.splice(0), expected);
  });

  test("that is no function is refused when it is added", () => {
    assert.throws(() => new App().use("guard" as never), /expected a middleware function/);
  });

  test("that answers itself and goes no further keeps mounts from running", async () => {
    const app = new App().mount("/ws", feature());
    app.use((ctx) => {
      ctx.status = 429;
      ctx.body = "slow down";
    });
    await using client = await TestClient.start(app);
    assert.equal((await http(client, "/ws/")).status, 429);
    await assert.rejects(client.connect("/ws/"), (error: HandshakeRefused) => {
      assert.ok(error instanceof HandshakeRefused);
      assert.equal(error.status, 429);
      assert.equal(error.body, "slow down");
      return true;
    });
  });
});

test("OPTIONS *, which is about the server, is nobody's path", async () => {
  for (const root of [new App().mount("/", new App()), feature()]) {
    await using client = await TestClient.start(root);
    assert.equal((await http(client, "*", { method: "OPTIONS" })).status, 404);
  }
});

test("every method that Node can parse is redirected at a missing slash", async () => {
  await using client = await TestClient.start(new App().mount("/ws", feature()));
  // CONNECT asks for a tunnel, whose target is no path.
  for (const method of METHODS.filter((name) => name !== "CONNECT")) {
    const response = await http(client, "/ws?x=1", { method });
    assert.equal(response.status, 307, method);
    assert.equal(response.headers.get("location"), "/ws/?x=1", method);
  }
});

/** A plain Koa app that answers everything with its name. */
function named(name: string): Koa {
  return new Koa().use((ctx) => {
    ctx.body = name;
  });
}

/** Every rotation of a list, forwards and backwards. */
function orders<T>(list: readonly T[]): T[][] {
  const rotations = list.map((_, i) => [...list.slice(i), ...list.slice(0, i)]);
  return [...rotations, ...rotations.map((order) => order.toReversed())];
}

const malformed = [
  "",
  "ws",
  ":org",
  "//",
  "/ws//",
  "//ws",
  "/a//b",
  "/ws?x",
  "/ws#x",
  "/ws\\x",
  "/ws/../x",
  "/.",
  "/..",
  "/%2e%2e",
  "/ws/*",
  "/(.*)",
  "/:",
  "/:1a",
  "/orgs/:org?",
  "/orgs/:org(.*)",
  "/orgs/:org-:unit",
  "/orgs/x:org",
  "/caf\u00e9",
  "/a b",
  "/%zz",
  "/100%",
];
