import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { App } from "koa-subapps";
import { HandshakeRefused, TestClient } from "koa-subapps/testing";
import { createAdmin } from "../../../apps/admin/index.ts";
import { Tickets } from "../../../apps/admin/tickets.ts";

const TOKEN = "a token of sixteen and more";
const bearer = { Authorization: `Bearer ${TOKEN}` };
const carried = `bearer.${Buffer.from(TOKEN).toString("base64url")}`;

function app(): App {
  const deep = new App().mount("/admin", createAdmin(TOKEN));
  return new App().mount("/admin", createAdmin(TOKEN)).mount("/deep", deep);
}

async function refused(client: TestClient, path: string, options = {}): Promise<number> {
  const error: unknown = await client.connect(path, options).catch((reason) => reason);
  assert.ok(error instanceof HandshakeRefused, `${path} was accepted`);
  return error.status;
}

describe("the admin app", () => {
  test("lets in a bearer token, over HTTP and WebSocket, at any depth", async () => {
    await using client = await TestClient.start(app());
    for (const path of ["/admin/", "/deep/admin/"]) {
      assert.equal((await client.fetch(path, { headers: bearer })).status, 200);
      const socket = await client.connect(path, { headers: bearer });
      assert.ok((await socket.receiveJson<{ memoryBytes: number }>()).memoryBytes > 0);
    }
  });

  test("lets in a session cookie, which the browser shows for the handshake too", async () => {
    await using client = await TestClient.start(app());
    const login = await client.fetch("/admin/session", { method: "POST", headers: bearer });
    assert.equal(login.status, 204);
    const cookies = login.headers.getSetCookie();
    assert.ok(
      cookies.every((cookie) => /path=\/admin\/;.*samesite=strict; httponly/i.test(cookie)),
    );
    const headers = { Cookie: cookies.map((cookie) => cookie.split(";")[0]).join("; ") };
    assert.equal((await client.fetch("/admin/", { headers })).status, 200);
    await (await client.connect("/admin/", { headers })).receive();
    const forged = { Cookie: headers.Cookie.replace(/admin=[\w-]+/, `admin=${"A".repeat(22)}`) };
    assert.equal((await client.fetch("/admin/", { headers: forged })).status, 401);
  });

  test("lets in a token in a subprotocol, and does not send it back", async () => {
    await using client = await TestClient.start(app());
    const socket = await client.connect("/admin/", { protocols: ["admin.v1", carried] });
    assert.equal(socket.protocol, "admin.v1");
    assert.equal(socket.headers["sec-websocket-protocol"], "admin.v1");
    await socket.receive();
  });

  test("lets in a ticket once, and a ticket ends", async () => {
    await using client = await TestClient.start(app());
    const issued = await client.fetch("/admin/ticket", { method: "POST", headers: bearer });
    const { ticket } = (await issued.json()) as { ticket: string };
    await (await client.connect(`/admin/?ticket=${ticket}`)).receive();
    assert.equal(await refused(client, `/admin/?ticket=${ticket}`), 401);
    const tickets = new Tickets();
    const late = tickets.issue(0);
    assert.equal(tickets.redeem(late, 30_000), false);
  });

  test("refuses everybody else with 401, whatever the path looks like", async () => {
    await using client = await TestClient.start(app());
    const wrong = { Authorization: "Bearer a token of sixteen and mor" };
    for (const path of ["/admin/", "/admin/nothing", "/admin//", "/admin/%2e", "/deep/admin/"]) {
      assert.equal((await client.fetch(path)).status, 401, path);
      assert.equal(await refused(client, path), 401, path);
      assert.equal(await refused(client, path, { headers: wrong }), 401, path);
    }
    for (const path of ["/ADMIN/", "//admin/", "/%61dmin/", "/admin%2f"]) {
      const response = await client.fetch(new URL(client.url).origin + path);
      assert.equal(response.status, 404, path);
    }
  });

  test("guards a route that is added later", async () => {
    const admin = createAdmin(TOKEN);
    const root = new App().mount("/admin", admin);
    admin.websocket("/late", (socket) => void socket.send("late"));
    await using client = await TestClient.start(root);
    assert.equal(await refused(client, "/admin/late"), 401);
    assert.equal(
      await (await client.connect("/admin/late", { headers: bearer })).receive(),
      "late",
    );
  });

  test("is closed without a token, and does not start with a short one", async () => {
    await using client = await TestClient.start(createAdmin(undefined));
    assert.equal((await client.fetch("/", { headers: bearer })).status, 403);
    assert.equal(await refused(client, "/"), 403);
    await assert.rejects(
      TestClient.start(createAdmin("short")),
      /ADMIN_TOKEN: expected at least 16/,
    );
  });
});
