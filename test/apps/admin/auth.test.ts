import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TestClient } from "koa-subapps/testing";
import { Wire } from "../../support/wire.ts";
import { adminApp, bearer, handshakeStatus, sessionOf, statusOf, ticketOf } from "./support.ts";

describe("a ticket", () => {
  test("opens a handshake, and no request of plain HTTP", async () => {
    await using client = await TestClient.start(adminApp());
    for (const [method, path] of [
      ["GET", "/admin/"],
      ["POST", "/admin/session"],
      ["POST", "/admin/ticket"],
      ["DELETE", "/admin/session"],
    ] as const) {
      const ticket = await ticketOf(client);
      const response = await client.fetch(`${path}?ticket=${ticket}`, { method });
      assert.equal(response.status, 401, `${method} ${path}`);
      assert.deepEqual(response.headers.getSetCookie(), []);
      assert.equal(await handshakeStatus(client, `/admin/?ticket=${ticket}`), 401, "it is used up");
    }
  });

  test("opens no request that has the headers of a handshake and is none", async () => {
    await using client = await TestClient.start(adminApp());
    for (const headers of [
      "Upgrade: websocket\r\n",
      "Connection: Upgrade\r\nUpgrade: h2c\r\n",
      "Connection: Upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
    ]) {
      const ticket = await ticketOf(client);
      await using wire = await Wire.connect(client.url);
      wire.write(
        `POST /admin/session?ticket=${ticket} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`,
      );
      assert.equal((await wire.head()).status, 401, headers);
    }
  });

  test("is used up beside a cookie, beside the token, and when it is shown twice", async () => {
    await using client = await TestClient.start(adminApp());
    for (const headers of [await sessionOf(client), bearer]) {
      const overHttp = await ticketOf(client);
      assert.equal(await statusOf(client, `/admin/?ticket=${overHttp}`, { headers }), 200);
      assert.equal(await handshakeStatus(client, `/admin/?ticket=${overHttp}`), 401);
      const inHandshake = await ticketOf(client);
      const path = `/admin/?ticket=${inHandshake}`;
      assert.equal(await handshakeStatus(client, path, { headers }), 101);
      assert.equal(await handshakeStatus(client, path), 401);
    }
    const twice = await ticketOf(client);
    assert.equal(await handshakeStatus(client, `/admin/?ticket=x&ticket=${twice}`), 101);
    assert.equal(await handshakeStatus(client, `/admin/?ticket=${twice}`), 401);
  });
});

describe("a session", () => {
  test("is ended by DELETE: the same cookie, shown again, is worth nothing", async () => {
    await using client = await TestClient.start(adminApp());
    const headers = await sessionOf(client);
    const other = await sessionOf(client);
    assert.equal(await statusOf(client, "/admin/", { headers }), 200);
    assert.equal(await statusOf(client, "/admin/session", { method: "DELETE", headers }), 204);
    assert.equal(await statusOf(client, "/admin/", { headers }), 401);
    assert.equal(await handshakeStatus(client, "/admin/", { headers }), 401);
    assert.equal(await statusOf(client, "/admin/", { headers: other }), 200, "others go on");
  });

  test("begins with the token alone: a cookie does not prolong itself", async () => {
    await using client = await TestClient.start(adminApp());
    const headers = await sessionOf(client);
    const again = await client.fetch("/admin/session", { method: "POST", headers });
    assert.equal(again.status, 401);
    assert.deepEqual(again.headers.getSetCookie(), []);
    assert.equal(await statusOf(client, "/admin/", { headers }), 200, "it is as good as before");
  });

  test("takes the place of the one that its browser had", async () => {
    await using client = await TestClient.start(adminApp());
    const first = await sessionOf(client);
    const headers = { ...bearer, ...first };
    assert.equal(await statusOf(client, "/admin/session", { method: "POST", headers }), 204);
    assert.equal(await statusOf(client, "/admin/", { headers: first }), 401);
  });

  test("ends with the server that began it", async () => {
    await using before = await TestClient.start(adminApp());
    const headers = await sessionOf(before);
    await using after = await TestClient.start(adminApp());
    assert.equal(await statusOf(after, "/admin/", { headers }), 401);
  });
});
