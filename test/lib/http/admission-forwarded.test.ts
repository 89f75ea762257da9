// What proxies and browsers say of a request, in the forms that they really use.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { App } from "koa-subapps";
import { type StartOptions, TestClient } from "koa-subapps/testing";
import { ask, shake, told } from "../../support/admission.ts";
import { handshake, Wire } from "../../support/wire.ts";

interface Told {
  readonly ip: string;
  readonly secure: boolean;
  readonly host: string;
  readonly link: string;
}

function telling(): App {
  const app = new App();
  app.router.all("/page", (ctx) => {
    const { ip, secure, host } = ctx;
    ctx.body = {
      ip,
      secure,
      host,
      link: (ctx as unknown as { urlFor(n: string): string }).urlFor("ws"),
    };
  });
  return app.websocket("/ws", { name: "ws" }, async (socket, ctx) => {
    const { ip, secure, host } = ctx;
    await socket.send(JSON.stringify({ ip, secure, host, link: ctx.urlFor("ws") }));
    for await (const _ of socket);
  });
}

const BEHIND: StartOptions = { trustProxy: ["loopback"], allowedHosts: ["chat.example"] };

describe("X-Forwarded-Proto", () => {
  test("of wss is https, and of ws is http, for the Origin and for the app", async () => {
    await using client = await TestClient.start(telling(), BEHIND);
    const host = { Host: "chat.example" };
    for (const [proto, scheme, other] of [
      ["wss", "https", "http"],
      ["WSS", "https", "http"],
      ["HTTPS", "https", "http"],
      ["http, wss", "https", "http"],
      ["ws", "http", "https"],
      ["wss, ws", "http", "https"],
    ] as const) {
      const headers = { ...host, "X-Forwarded-Proto": proto };
      const { secure, link } = await told<Told>(client, headers);
      assert.equal(secure, scheme === "https", proto);
      assert.equal(link, `${secure ? "wss" : "ws"}://chat.example/ws`, proto);
      const own = { ...headers, Origin: `${scheme}://chat.example` };
      assert.equal(await shake(client, own), 101, proto);
      assert.equal((await ask(client, own, "POST")).status, 200, proto);
      const foreign = { ...headers, Origin: `${other}://chat.example` };
      assert.equal(await shake(client, foreign), 403, proto);
      assert.equal((await ask(client, foreign, "POST")).status, 403, proto);
    }
  });

  test("of any other scheme says nothing", async () => {
    await using client = await TestClient.start(telling(), BEHIND);
    for (const proto of ["", "on", "ftp", "https://x", "wss:", "https, garbage"]) {
      const headers = { Host: "chat.example", "X-Forwarded-Proto": proto };
      assert.equal((await told<Told>(client, headers)).secure, false, proto);
      assert.equal(await shake(client, { ...headers, Origin: "http://chat.example" }), 101, proto);
    }
  });
});

describe("X-Forwarded-Port", () => {
  test("completes a Host without a port, for the Origin and for the app", async () => {
    await using client = await TestClient.start(telling(), BEHIND);
    const secure = { "X-Forwarded-Proto": "https" };
    for (const [headers, host] of [
      [{ Host: "chat.example", "X-Forwarded-Port": "8443" }, "chat.example:8443"],
      [{ Host: "[::1]", "X-Forwarded-Port": "8443" }, "[::1]:8443"],
      [{ "X-Forwarded-Host": "chat.example", "X-Forwarded-Port": "8443" }, "chat.example:8443"],
      [{ Host: "chat.example", "X-Forwarded-Port": "1, 8443" }, "chat.example:8443"],
      [{ Host: "chat.example:9", "X-Forwarded-Port": "8443" }, "chat.example:9"],
      [{ Host: "chat.example", "X-Forwarded-Port": "443" }, "chat.example"],
      [{ Host: "chat.example", "X-Forwarded-Port": "80" }, "chat.example"],
      [{ Host: "chat.example", "X-Forwarded-Port": "evil.example" }, "chat.example"],
      [{ Host: "chat.example", "X-Forwarded-Port": "0" }, "chat.example"],
    ] as const) {
      assert.equal((await told<Told>(client, { ...secure, ...headers })).host, host);
      const page = { ...secure, ...headers, Origin: `https://${host}` };
      assert.equal(await shake(client, page), 101, host);
      assert.equal(await shake(client, { ...page, Origin: "https://chat.example:81" }), 403, host);
    }
  });

  test("is nothing when a stranger says it", async () => {
    await using client = await TestClient.start(telling());
    const headers = { Host: "localhost", "X-Forwarded-Port": "8443" };
    assert.equal((await told<Told>(client, headers)).host, "localhost");
    assert.equal(await shake(client, { ...headers, Origin: "http://localhost:8443" }), 403);
  });
});

describe("X-Forwarded-For", () => {
  test("with ports or brackets is one address, to the app and to its limit", async () => {
    await using client = await TestClient.start(telling(), {
      ...BEHIND,
      maxConnectionsPerAddress: 1,
    });
    for (const [first, again, ip] of [
      ["198.51.100.7:50001", "198.51.100.7:50002", "198.51.100.7"],
      ["[2001:db8::7]:50001", "[2001:db8::7]:50002", "2001:db8::7"],
      ["203.0.113.1, 198.51.100.8:1", "203.0.113.2, 198.51.100.8", "198.51.100.8"],
      ["198.51.100.9:1, 127.0.0.1:50001", "198.51.100.9:2, 127.0.0.1:50002", "198.51.100.9"],
    ] as const) {
      await using wire = await Wire.connect(client.url);
      wire.write(handshake("/ws", { "X-Forwarded-For": first }));
      assert.equal((await wire.head()).status, 101, first);
      assert.equal((JSON.parse((await wire.frame()).payload.toString()) as Told).ip, ip);
      assert.equal(await shake(client, { "X-Forwarded-For": again }), 429, again);
      const { body } = await ask(client, { "X-Forwarded-For": again }, "GET");
      assert.equal((JSON.parse(body) as Told).ip, ip);
    }
  });

  test("that names no address is that of the proxy, to the app and in the log", async () => {
    await using client = await TestClient.start(telling(), BEHIND);
    const clients: string[] = [];
    client.serving.upgrades.on("accepted", (accepted) => clients.push(accepted.client));
    for (const sent of ["unknown", "203.0.113.7, garbage", "\u00e9", 'x" "GET /admin" 200']) {
      assert.equal((await told<Told>(client, { "X-Forwarded-For": sent })).ip, "127.0.0.1", sent);
    }
    assert.deepEqual(new Set(clients), new Set(["127.0.0.1"]));
  });
});

describe("Sec-Fetch-Site", () => {
  test("of another site is refused where there is no Origin and something would change", async () => {
    await using client = await TestClient.start(telling());
    for (const [site, status] of [
      ["cross-site", 403],
      ["same-site", 403],
      ["none, cross-site", 403],
      ["same-origin", 200],
      ["none", 200],
      [undefined, 200],
    ] as const) {
      const headers = { Host: "localhost", "Sec-Fetch-Site": site };
      for (const method of ["POST", "PUT", "DELETE"]) {
        assert.equal((await ask(client, headers, method)).status, status, `${method} ${site}`);
      }
      assert.equal((await ask(client, headers, "GET")).status, 200, `GET ${site}`);
      assert.equal(await shake(client, headers), status === 200 ? 101 : 403, `handshake ${site}`);
      const own = { ...headers, Origin: "http://localhost" };
      assert.equal((await ask(client, own, "POST")).status, 200, `the Origin decides: ${site}`);
    }
  });

  test("does not turn away a page whose origin is allowed", async () => {
    const origin = "https://good.example";
    await using client = await TestClient.start(telling(), { allowedOrigins: [origin] });
    const headers = { Host: "localhost", Origin: origin, "Sec-Fetch-Site": "cross-site" };
    assert.equal((await ask(client, headers, "POST")).status, 200);
    assert.equal(await shake(client, headers), 101);
  });
});
