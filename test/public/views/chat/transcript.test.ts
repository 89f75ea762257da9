import assert from "node:assert/strict";
import { test } from "node:test";
import { browsedApp } from "../../../support/browsed.ts";
import { until } from "../../../support/within.ts";
import { seesState, seesTalk, send, withWindows } from "../../windows.ts";
import { message, openPlayedRoom, welcome } from "./played-room.ts";

const [app, browser] = await browsedApp();

test("a new welcome in mid-connection begins anew and sends again what is owed", async () => {
  await withWindows(browser, async (open) => {
    const { page, sockets, received } = await openPlayedRoom(open, app.url);
    const server = sockets[0];
    server?.send(message(1, "bob", "old"));
    await send(page, "mine");
    await until(() => received.length >= 1, "1 in all");
    server?.send(message(2, "me", "mine"));
    await seesTalk(page, ["bob: old", "me: mine (sending)"]);
    server?.send(welcome(false, { position: { epoch: "second", offset: 0 } }));
    await until(() => received.length >= 2, "2 in all");
    assert.deepEqual(received[1], received[0]);
    server?.send(message(1, "me", "mine"));
    server?.send(JSON.stringify({ type: "ack", id: received[0]?.id, offset: 1 }));
    server?.send(message(2, "bob", "new"));
    server?.send(message(2, "bob", "new"));
    await seesTalk(page, [
      "bob: old",
      "me: mine (sent)",
      "— Some messages may have been missed",
      "bob: new",
    ]);
    await server?.close({ code: 1012 });
    await seesState(page, "Reconnecting");
    await page.evaluate(`dispatchEvent(new Event("online"))`);
    await until(() => sockets.length >= 2, "2 in all");
    assert.equal(new URL(sockets[1]?.url() ?? "").search, "?epoch=second&offset=2");
  });
});

test("own messages are found by their offset, whichever of message and acknowledgement is first", async () => {
  await withWindows(browser, async (open) => {
    const { page, sockets, received } = await openPlayedRoom(open, app.url);
    const server = sockets[0];
    await send(page, "same");
    await send(page, "same");
    await until(() => received.length >= 2, "2 in all");
    server?.send(JSON.stringify({ type: "ack", id: received[0]?.id, offset: 1 }));
    server?.send(message(1, "me", "same"));
    // From another window of the same name, while ours is on its way.
    server?.send(message(2, "me", "same"));
    server?.send(message(3, "me", "same"));
    server?.send(JSON.stringify({ type: "ack", id: received[1]?.id, offset: 3 }));
    server?.send(message(4, "bob", "three"));
    await seesTalk(page, ["me: same (sent)", "me: same (sent)", "me: same", "bob: three"]);
  });
});
