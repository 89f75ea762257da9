import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TestClient } from "koa-subapps/testing";
import { ask, open, shake, told } from "../../support/admission.ts";
import { requestText } from "../../support/raw.ts";
import { Wire } from "../../support/wire.ts";

describe("what a proxy forwards", () => {
  interface Told {
    readonly ip: string;
    readonly protocol: string;
    readonly host: string;
    readonly ips: string[];
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
      const { ip, protocol, host } = await told<Told>(client, {
        Host: "localhost:8000",
        ...FORWARDED,
      });
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
      const all = await told<Told>(client, FORWARDED);
      assert.deepEqual(all, {
        ip: "203.0.113.7",
        protocol: "https",
        host: "chat.example",
        ips: ["203.0.113.7"],
      });
      const none = await told<Told>(client, { Host: "localhost:8000" });
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
      assert.equal((await told<Told>(client, { "X-Forwarded-For": sent })).ip, ip, sent);
    }
    // Of scheme and host, what the nearest proxy wrote counts.
    const { protocol, host } = await told<Told>(client, {
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
