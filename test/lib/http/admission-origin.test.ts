import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type StartOptions, TestClient } from "koa-subapps/testing";
import { generate } from "selfsigned";
import { ask, open, shake } from "../../support/admission.ts";
import { requestText } from "../../support/raw.ts";
import { handshake, Wire } from "../../support/wire.ts";

const pems = await generate([{ name: "commonName", value: "127.0.0.1" }]);
const TLS: StartOptions = { tls: { cert: pems.cert, key: pems.private } };

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
  describe(`the Origin at the admission over ${scheme}`, () => {
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

describe("the Origin at the admission", () => {
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
