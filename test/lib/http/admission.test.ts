import assert from "node:assert/strict";
import http from "node:http";
import { describe, test } from "node:test";
import Koa from "koa";
import { generate } from "selfsigned";
import { App } from "../../../lib/index.ts";
import { type StartOptions, TestClient } from "../../../lib/testing/index.ts";
import { requestText } from "../../support/raw.ts";
import { handshake, Wire } from "../../support/wire.ts";

const pems = await generate([{ name: "commonName", value: "127.0.0.1" }]);
const TLS: StartOptions = { tls: { cert: pems.cert, key: pems.private } };

type Headers = Record<string, string | undefined>;

/** An app that answers everything, and the requests that its first middleware has seen. */
function open(app = new App()): { app: App; seen: string[] } {
  const seen: string[] = [];
  app.use((ctx, next) => {
    seen.push(`${ctx.method} ${ctx.url}`);
    return next();
  });
  answers(app);
  return { app, seen };
}

function answers(app: App): App {
  app.router.all("/page", (ctx) => {
    ctx.body = { ip: ctx.ip, protocol: ctx.protocol, host: ctx.host, ips: ctx.ips };
  });
  return app.websocket("/ws", async (socket, ctx) => {
    await socket.send(
      JSON.stringify({ ip: ctx.ip, protocol: ctx.protocol, host: ctx.host, ips: ctx.ips }),
    );
  });
}

/** The status that a handshake gets. */
async function shake(client: TestClient, headers: Headers, path = "/ws"): Promise<number> {
  await using wire = await Wire.connect(client.url);
  wire.write(handshake(path, headers));
  return (await wire.head()).status;
}

/** The answer that a request gets. */
async function ask(client: TestClient, headers: Headers, method = "POST", path = "/page") {
  await using wire = await Wire.connect(client.url);
  const sent = Object.entries(headers).filter(([, value]) => value !== undefined);
  wire.write(
    requestText(path, { method, headers: Object.fromEntries(sent) as Record<string, string> }),
  );
  return await wire.response();
}

interface Case {
  readonly host: string;
  readonly origin: string | undefined;
  readonly why: string;
}

function sameOrigin(s: string, defaultPort: number): Case[] {
  return [
    { host: "localhost", origin: `${s}://localhost`, why: "on the default port" },
    { host: "localhost:8000", origin: `${s}://localhost:8000`, why: "on another port" },
    { host: "127.0.0.1:8000", origin: `${s}://127.0.0.1:8000`, why: "by address" },
    { host: "[::1]:8000", origin: `${s}://[::1]:8000`, why: "by IPv6 address" },
    { host: `localhost:${defaultPort}`, origin: `${s}://localhost`, why: "with its port spelled" },
    { host: "LocalHost:8000", origin: `${s}://localhost:8000`, why: "in another case" },
    { host: "chat.example:8000", origin: `${s}://chat.example:8000`, why: "by an allowed name" },
    { host: "localhost:8000", origin: undefined, why: "and says nothing of an origin" },
  ];
}

function foreign(s: string, other: string, defaultPort: number): Case[] {
  const host = "chat.example:8000";
  const cases: [origin: string, why: string][] = [
    [`${other}://chat.example:8000`, "of the other scheme"],
    [`${s}://chat.example`, "without the port"],
    [`${s}://chat.example:8001`, "of another port"],
    [`${s}://chat.example:80000`, "of a port that is none"],
    [`${s}://evil.example:8000`, "of another host"],
    [`${s}://chat.example:8000.evil.example`, "that begins with this one"],
    [`${s}://chat.example.evil.example:8000`, "whose host begins with this one"],
    [`${s}://evil-chat.example:8000`, "whose host ends with this one"],
    [`${s}://evil.chat.example:8000`, "of a host below this one"],
    [`${s}://example:8000`, "of the host above this one"],
    [`${s}://evil.example/chat.example:8000`, "with this one in its path"],
    [`${s}://evil.example?${s}://chat.example:8000`, "with this one in its query"],
    [`${s}://evil.example#${s}://chat.example:8000`, "with this one in its fragment"],
    [`${s}://chat.example:8000@evil.example`, "with this one as userinfo"],
    [`${s}://evil.example@chat.example:8000`, "with userinfo"],
    [`${s}://chat.example.:8000`, "with a dot at the end of the host"],
    [`${s}://chat.example:8000/`, "with a slash at its end"],
    [`${s}://CHAT.example:8000`, "in a case that no browser sends"],
    [`${s.toUpperCase()}://chat.example:8000`, "with a scheme in a case that no browser sends"],
    [`${s}://chat.example:8000, ${s}://evil.example`, "beside another one"],
    [`${s}://evil.example ${s}://chat.example:8000`, "after another one"],
    [`${s}:\\\\chat.example:8000`, "with backslashes"],
    [`${s}:chat.example:8000`, "without slashes"],
    [`//chat.example:8000`, "without a scheme"],
    [`chat.example:8000`, "that is a host alone"],
    [`ws://chat.example:8000`, "of a scheme that is no page's"],
    [`file://`, "of a file"],
    [`chrome-extension://chat.example:8000`, "of an extension"],
    [`${s}://chat.example:8000\u00e9`, "that is not ASCII"],
    ["null", "that is null"],
    ["NULL", "that is NULL"],
    ["undefined", "that is a word"],
    ["*", "that is a star"],
    ["", "that is empty"],
  ];
  return [
    ...cases.map(([origin, why]) => ({ host, origin, why })),
    {
      host: `chat.example:${defaultPort}`,
      origin: `${s}://chat.example:${defaultPort}`,
      why: "with a default port, as no browser sends it",
    },
    { host: "localhost:8000", origin: `${s}://127.0.0.1:8000`, why: "of another loopback name" },
    { host: "localhost:8000", origin: `${s}://localhost:3000`, why: "of another local server" },
    { host: "a.localhost", origin: `${s}://b.localhost`, why: "of a sibling" },
  ];
}

for (const [scheme, other, defaultPort, options] of [
  ["http", "https", 80, {}],
  ["https", "http", 443, TLS],
] as const) {
  describe(`the Origin at the door over ${scheme}`, () => {
    const started = () => {
      const { app, seen } = open();
      return {
        seen,
        client: TestClient.start(app, { ...options, allowedHosts: ["chat.example"] }),
      };
    };

    test("lets in who comes from this server's own pages, or says nothing of an origin", async () => {
      const { client: starting, seen } = started();
      await using client = await starting;
      const cases = sameOrigin(scheme, defaultPort);
      for (const { host, origin, why } of cases) {
        const headers = { Host: host, Origin: origin };
        assert.equal(await shake(client, headers), 101, `a handshake ${why}`);
        assert.equal((await ask(client, headers)).status, 200, `a POST ${why}`);
      }
      assert.equal(seen.length, cases.length * 2);
    });

    test("turns every other one away with 403, before any middleware", async () => {
      const { client: starting, seen } = started();
      await using client = await starting;
      for (const { host, origin, why } of foreign(scheme, other, defaultPort)) {
        const headers = { Host: host, Origin: origin };
        assert.equal(await shake(client, headers), 403, `a handshake from an origin ${why}`);
        const { status, body } = await ask(client, headers);
        assert.equal(status, 403, `a POST from an origin ${why}`);
        assert.match(body, /^expected an Origin that is this server's own or one of ALLOWED_ORIG/);
        assert.ok(!origin || !body.includes(origin), "the answer repeats nothing");
      }
      assert.deepEqual(seen, []);
    });
  });
}

describe("the Origin at the door", () => {
  test("is asked of what changes something, and not of what a page may do without asking", async () => {
    const { app } = open();
    await using client = await TestClient.start(app);
    const headers = { Host: "localhost", Origin: "http://evil.example" };
    for (const method of ["POST", "PUT", "PATCH", "DELETE", "PROPFIND", "LOCK", "COPY"]) {
      assert.equal((await ask(client, headers, method)).status, 403, method);
    }
    for (const method of ["GET", "HEAD", "OPTIONS"]) {
      assert.equal((await ask(client, headers, method)).status, 200, method);
    }
    // A request that only half asks for a WebSocket is plain HTTP, and never accepted.
    const half = { ...headers, Upgrade: "websocket" };
    assert.equal((await ask(client, half, "GET", "/ws")).status, 426);
  });

  test("is asked again of each request on a kept connection", async () => {
    const { app, seen } = open();
    await using client = await TestClient.start(app);
    await using wire = await Wire.connect(client.url);
    const kept = { Host: "localhost", Connection: "keep-alive" };
    wire.write(
      requestText("/page", {
        method: "POST",
        headers: { ...kept, Origin: "http://localhost", "Content-Length": "0" },
      }),
    );
    const { status, headers } = await wire.head();
    assert.equal(status, 200);
    await wire.bytes(Number(headers.get("content-length")));
    wire.write(
      requestText("/page", { method: "POST", headers: { ...kept, Origin: "http://evil.example" } }),
    );
    assert.equal((await wire.response()).status, 403);
    assert.deepEqual(seen, ["POST /page"]);
  });

  test("is one of two when it is sent twice, and refused", async () => {
    const { app } = open();
    await using client = await TestClient.start(app);
    for (const [first, second] of [
      ["http://localhost", "http://evil.example"],
      ["http://evil.example", "http://localhost"],
    ]) {
      await using wire = await Wire.connect(client.url);
      const text = handshake("/ws", { Host: "localhost", Origin: first });
      wire.write(text.replace("\r\n\r\n", `\r\nOrigin: ${second}\r\n\r\n`));
      assert.equal((await wire.head()).status, 403);
    }
  });

  test("is let in when ALLOWED_ORIGINS has it whole, and not when it has something like it", async () => {
    const { app } = open();
    await using client = await TestClient.start(app, {
      allowedOrigins: ["https://good.example", "http://good.example:8080"],
    });
    const from = (origin: string) => ({ Host: "localhost", Origin: origin });
    for (const origin of ["https://good.example", "http://good.example:8080", "http://localhost"]) {
      assert.equal(await shake(client, from(origin)), 101, origin);
      assert.equal((await ask(client, from(origin))).status, 200, origin);
    }
    for (const origin of [
      "http://good.example",
      "https://good.example:8080",
      "https://good.example:443",
      "https://good.example.evil.example",
      "https://evilgood.example",
      "https://a.good.example",
      "https://good.example.",
      "https://good.exampl",
      "null",
    ]) {
      assert.equal(await shake(client, from(origin)), 403, origin);
      assert.equal((await ask(client, from(origin))).status, 403, origin);
    }
  });
});

describe("an app's own allowed origins", () => {
  const [A, B, C] = ["https://a.example", "https://b.example", "https://c.example"];

  test("let in below its mount and nowhere else, for requests and handshakes", async () => {
    const app = answers(new App());
    app.mount("/a", answers(new App({ allowedOrigins: [A] })));
    app.mount("/b", answers(new App({ allowedOrigins: [B] })));
    app.mount("/none", answers(new App()));
    await using client = await TestClient.start(app);
    for (const [prefix, origin, allowed] of [
      ["", A, false],
      ["/a", A, true],
      ["/a", B, false],
      ["/b", A, false],
      ["/b", B, true],
      ["/none", A, false],
      ["//a", A, false],
      ["/A", A, false],
      ["/%61", A, false],
      ["/none/../a", A, false],
      ["/ab", A, false],
      ["/b?/a/", A, false],
      ["/b#/a/", A, false],
      ["/b\\..\\a", A, false],
    ] as const) {
      const headers = { Host: "localhost", Origin: origin };
      const what = `${origin} at ${prefix}`;
      assert.equal((await shake(client, headers, `${prefix}/ws`)) === 101, allowed, what);
      const { status } = await ask(client, headers, "POST", `${prefix}/page`);
      assert.equal(status === 200, allowed, what);
    }
  });

  test("are those of the deepest app that names some, nested and with parameters", async () => {
    const leaf = answers(new App({ allowedOrigins: [C] }));
    const quiet = answers(new App());
    const closed = answers(new App({ allowedOrigins: [] }));
    const middle = answers(new App({ allowedOrigins: [B] }));
    middle.mount("/:room/leaf", leaf).mount("/quiet", quiet).mount("/closed", closed);
    const app = answers(new App({ allowedOrigins: [A] })).mount("/orgs/:org", middle);
    await using client = await TestClient.start(app, { allowedOrigins: ["https://all.example"] });
    for (const [prefix, origins] of [
      ["", [A]],
      ["/orgs/acme", [B]],
      ["/orgs/%61%2F", [B]],
      ["/orgs/acme/1/leaf", [C]],
      ["/orgs/acme/quiet", [B]],
      ["/orgs/acme/closed", []],
    ] as const) {
      for (const origin of [A, B, C, "https://all.example", "http://localhost"]) {
        const allowed =
          origin.includes("all.") ||
          origin.includes("localhost") ||
          origins.includes(origin as never);
        const headers = { Host: "localhost", Origin: origin };
        const what = `${origin} at ${prefix}`;
        assert.equal(await shake(client, headers, `${prefix}/ws`), allowed ? 101 : 403, what);
        const { status } = await ask(client, headers, "POST", `${prefix}/page`);
        assert.equal(status, allowed ? 200 : 403, what);
      }
    }
  });

  test("of an app mounted at / hold for what is its own, and not for a route of the app above", async () => {
    const app = answers(new App());
    const site = new App({ allowedOrigins: [A] });
    site.router.post("/form", (ctx) => {
      ctx.body = "of the site";
    });
    app.mount("/", site);
    await using client = await TestClient.start(app);
    const headers = { Host: "localhost", Origin: A };
    assert.equal((await ask(client, headers, "POST", "/form")).status, 200);
    assert.equal((await ask(client, headers, "POST", "/page")).status, 403);
    assert.equal(await shake(client, headers, "/ws"), 403);
  });

  test("do not hold for a route of the app above at the prefix itself", async () => {
    const app = new App();
    app.router.post("/a", (ctx) => {
      ctx.body = "of the root";
    });
    app.websocket("/a", () => {});
    app.mount("/a", answers(new App({ allowedOrigins: [A] })));
    await using client = await TestClient.start(app);
    const headers = { Host: "localhost", Origin: A };
    assert.equal((await ask(client, headers, "POST", "/a/page")).status, 200);
    assert.equal((await ask(client, headers, "POST", "/a")).status, 403);
    assert.equal(await shake(client, headers, "/a"), 403);
  });

  test("do not reach into a plain Koa app, which has those of the app above", async () => {
    const plain = new Koa();
    plain.use((ctx) => {
      ctx.body = "plain";
    });
    const app = new App({ allowedOrigins: [A] }).mount("/plain", plain);
    await using client = await TestClient.start(app);
    const from = (origin: string) => ({ Host: "localhost", Origin: origin });
    assert.equal((await ask(client, from(A), "POST", "/plain/x")).status, 200);
    assert.equal((await ask(client, from(B), "POST", "/plain/x")).status, 403);
  });
});

describe("the Host at the door", () => {
  const REBOUND = [
    "evil.example",
    "evil.example:8000",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil.example.localhost.",
    "localhost.",
    "192.168.0.1",
    "0.0.0.0",
    "[::]",
    "[2001:db8::1]",
    "evil.example@localhost",
    "localhost@evil.example",
    "localhost/evil.example",
    "localhost, evil.example",
    "",
  ];

  test("is this machine's, or is refused 421 before any middleware, whatever the method", async () => {
    const { app, seen } = open();
    await using client = await TestClient.start(app);
    for (const host of REBOUND) {
      const headers = { Host: host };
      assert.equal(await shake(client, headers), 421, `a handshake for ${host}`);
      for (const method of ["GET", "POST", "HEAD", "OPTIONS"]) {
        assert.equal((await ask(client, headers, method)).status, 421, `${method} for ${host}`);
      }
      // The page of a rebound name is of the same origin as what it asks for.
      const page = { Host: host, Origin: `http://${host}` };
      assert.equal(await shake(client, page), 421, `a page of ${host}`);
    }
    assert.deepEqual(seen, []);
    for (const host of ["localhost", "127.0.0.1:8000", "[::1]", "[::1]:1", "app.localhost"]) {
      assert.equal(await shake(client, { Host: host }), 101, host);
      assert.equal((await ask(client, { Host: host }, "GET")).status, 200, host);
    }
  });

  test("says in one line what to do", async () => {
    await using client = await TestClient.start(open().app);
    const { status, headers, body } = await ask(client, { Host: "evil.example" }, "GET");
    assert.equal(status, 421);
    assert.equal(headers.get("connection"), "close");
    assert.equal(headers.get("content-type"), "text/plain; charset=utf-8");
    assert.equal(
      body,
      "expected a Host that this server answers to, but got another; name it in ALLOWED_HOSTS",
    );
  });

  test("may be one of ALLOWED_HOSTS, with any port or with the one that is named", async () => {
    await using client = await TestClient.start(open().app, {
      allowedHosts: ["Chat.Example", "admin.example:8443", "[2001:db8::1]", "192.168.0.1"],
    });
    for (const [host, status] of [
      ["chat.example", 200],
      ["CHAT.example:8000", 200],
      ["admin.example:8443", 200],
      ["[2001:db8::1]:8000", 200],
      ["192.168.0.1:8000", 200],
      ["localhost", 200],
      ["admin.example", 421],
      ["admin.example:443", 421],
      ["x.chat.example", 421],
      ["chat.example.evil.example", 421],
      ["[2001:db8::2]", 421],
      ["192.168.0.10", 421],
    ] as const) {
      assert.equal((await ask(client, { Host: host }, "GET")).status, status, host);
      assert.equal(await shake(client, { Host: host }), status === 200 ? 101 : 421, host);
    }
  });

  test("is asked for where HTTP/1.0 left it out, and Node itself asks for it in HTTP/1.1", async () => {
    await using client = await TestClient.start(open().app);
    for (const [version, status] of [
      ["1.0", 421],
      ["1.1", 400],
    ] as const) {
      await using wire = await Wire.connect(client.url);
      wire.write(`GET /page HTTP/${version}\r\nConnection: close\r\n\r\n`);
      assert.equal((await wire.response()).status, status);
    }
    assert.notEqual(await shake(client, { Host: undefined }), 101);
  });

  test("is that of the header, not of an absolute target", async () => {
    const { app, seen } = open();
    await using client = await TestClient.start(app);
    const { status } = await ask(client, { Host: "evil.example" }, "GET", "http://localhost/page");
    assert.equal(status, 421);
    assert.equal(await shake(client, { Host: "evil.example" }, "http://localhost/ws"), 421);
    assert.deepEqual(seen, []);
  });

  test("of a request for another protocol is asked as well", async () => {
    const { app, seen } = open();
    await using client = await TestClient.start(app);
    const h2c = { Host: "evil.example", Connection: "Upgrade", Upgrade: "h2c" };
    assert.equal((await ask(client, h2c, "GET")).status, 421);
    assert.deepEqual(seen, []);
  });
});

describe("what a proxy forwards", () => {
  interface Told {
    readonly ip: string;
    readonly protocol: string;
    readonly host: string;
    readonly ips: string[];
  }

  /** What the app learns of a request's origin, by HTTP and by a handshake, which must agree. */
  async function told(client: TestClient, headers: Headers): Promise<Told> {
    const { body } = await ask(client, headers, "GET");
    await using wire = await Wire.connect(client.url);
    wire.write(handshake("/ws", { Host: "localhost", ...headers }));
    assert.equal((await wire.head()).status, 101);
    assert.deepEqual(JSON.parse((await wire.frame()).payload.toString()), JSON.parse(body));
    return JSON.parse(body) as Told;
  }

  const FORWARDED = {
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "chat.example",
  };

  test("is nothing to the server when a stranger says it, even to an app with Koa's proxy option", async () => {
    for (const [trustProxy, proxy] of [
      [[], false],
      [[], true],
      [["192.0.2.1"], true],
      [["192.0.2.0/24", "uniquelocal"], false],
    ] as const) {
      const { app } = open();
      app.proxy = proxy;
      await using client = await TestClient.start(app, {
        trustProxy,
        allowedHosts: ["chat.example"],
      });
      const { ip, protocol, host } = await told(client, { Host: "localhost:8000", ...FORWARDED });
      assert.deepEqual([ip, protocol, host], ["127.0.0.1", "http", "localhost:8000"]);
    }
  });

  test("cannot make a stranger's Host or Origin pass", async () => {
    const { app, seen } = open();
    await using client = await TestClient.start(app);
    const rebound = { Host: "evil.example", "X-Forwarded-Host": "localhost" };
    assert.equal(await shake(client, rebound), 421);
    assert.equal((await ask(client, rebound)).status, 421);
    const foreignPage = {
      Host: "localhost",
      Origin: "https://localhost",
      "X-Forwarded-Proto": "https",
    };
    assert.equal(await shake(client, foreignPage), 403);
    assert.equal((await ask(client, foreignPage)).status, 403);
    assert.deepEqual(seen, []);
  });

  test("is believed of a proxy that is trusted", async () => {
    for (const trustProxy of [["loopback"], ["127.0.0.1"], ["127.0.0.0/8", "192.0.2.1"]]) {
      const { app } = open();
      await using client = await TestClient.start(app, {
        trustProxy,
        allowedHosts: ["chat.example"],
      });
      const all = await told(client, FORWARDED);
      assert.deepEqual(all, {
        ip: "203.0.113.7",
        protocol: "https",
        host: "chat.example",
        ips: ["203.0.113.7"],
      });
      const none = await told(client, { Host: "localhost:8000" });
      assert.deepEqual(
        [none.ip, none.protocol, none.host],
        ["127.0.0.1", "http", "localhost:8000"],
      );
    }
  });

  test("makes the server's own origin that of the page behind the proxy", async () => {
    const { app } = open();
    await using client = await TestClient.start(app, {
      trustProxy: ["loopback"],
      allowedHosts: ["chat.example"],
    });
    const page = (origin: string) => ({ ...FORWARDED, Origin: origin });
    assert.equal(await shake(client, page("https://chat.example")), 101);
    assert.equal((await ask(client, page("https://chat.example"))).status, 200);
    for (const origin of ["http://chat.example", "http://localhost", "https://localhost"]) {
      assert.equal(await shake(client, page(origin)), 403, origin);
      assert.equal((await ask(client, page(origin))).status, 403, origin);
    }
    const rebound = { ...FORWARDED, "X-Forwarded-Host": "evil.example" };
    assert.equal(await shake(client, rebound), 421);
  });

  test("is the nearest entry that no trusted proxy wrote; what a client wrote before it is not", async () => {
    const { app } = open();
    await using client = await TestClient.start(app, {
      trustProxy: ["loopback", "192.0.2.0/24"],
      allowedHosts: ["chat.example"],
    });
    for (const [sent, ip] of [
      ["203.0.113.7", "203.0.113.7"],
      ["127.0.0.1, 203.0.113.7", "203.0.113.7"],
      ["10.0.0.1, 192.0.2.9, 203.0.113.7", "203.0.113.7"],
      ["10.0.0.1, 203.0.113.7, 192.0.2.9", "203.0.113.7"],
      ["10.0.0.1,203.0.113.7,192.0.2.9,127.0.0.1", "203.0.113.7"],
      ["garbage, 203.0.113.7", "203.0.113.7"],
      [`${"1.2.3.4, ".repeat(300)}203.0.113.7`, "203.0.113.7"],
      ["192.0.2.9", "192.0.2.9"],
      ["2001:db8::7", "2001:db8::7"],
    ] as const) {
      assert.equal((await told(client, { "X-Forwarded-For": sent })).ip, ip, sent);
    }
    // Of scheme and host, what the nearest proxy wrote counts.
    const { protocol, host } = await told(client, {
      "X-Forwarded-Proto": "http, https",
      "X-Forwarded-Host": "evil.example, chat.example",
    });
    assert.deepEqual([protocol, host], ["https", "chat.example"]);
  });

  test("is one client when it comes in several header lines", async () => {
    const { app } = open();
    await using client = await TestClient.start(app, { trustProxy: ["loopback"] });
    await using wire = await Wire.connect(client.url);
    const text = requestText("/page", { headers: { "X-Forwarded-For": "127.0.0.1" } });
    wire.write(text.replace("\r\n\r\n", "\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n"));
    const { body } = await wire.response();
    assert.equal((JSON.parse(body) as Told).ip, "203.0.113.7");
  });
});

test("the door stands before handshakes of an attached server too, and `listen` has one", async () => {
  const { app, seen } = open();
  const server = app.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  assert.ok(server instanceof http.Server);
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/`;
  for (const [headers, status] of [
    [{ Host: "evil.example" }, 421],
    [{ Host: "localhost", Origin: "http://evil.example" }, 403],
  ] as const) {
    await using wire = await Wire.connect(url);
    wire.write(handshake("/ws", headers));
    assert.equal((await wire.response()).status, status);
  }
  assert.deepEqual(seen, []);
  await new Promise((resolve) => server.close(resolve));
});
