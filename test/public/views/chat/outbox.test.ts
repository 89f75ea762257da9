import assert from "node:assert/strict";
import { test } from "node:test";
import { browsedApp } from "../../../support/browsed.ts";
import { until } from "../../../support/within.ts";
import { isMember, seesState, seesTalk, send, withWindows } from "../../windows.ts";
import { withPair } from "./pair.ts";
import { openPlayedRoom } from "./played-room.ts";

const [app, browser] = await browsedApp();

const numbered = (count: number) =>
  Array.from({ length: count }, (_, index) => `number ${index + 1}`);

test("what was written offline shows as sending, and arrives once and in order", async () => {
  await withPair(app, browser, async (pair) => {
    const { ann, bob } = pair;
    await pair.goOffline();
    for (const text of ["first", "second", "second"]) await send(ann, text);
    await seesTalk(ann, ["me: first (sending)", "me: second (sending)", "me: second (sending)"]);
    await send(bob, "meanwhile");
    await pair.comeBack();
    await seesTalk(ann, [
      "— You were away, 1 message",
      "bob: meanwhile",
      "me: first (sent)",
      "me: second (sent)",
      "me: second (sent)",
    ]);
    await seesTalk(bob, ["me: meanwhile (sent)", "ann: first", "ann: second", "ann: second"]);
  });
});

test("a message whose acknowledgement is lost is sent again, and shows once everywhere", async () => {
  await withPair(app, browser, async (pair) => {
    const { ann, bob } = pair;
    pair.network.mute();
    await send(ann, "did you get this?");
    await seesTalk(bob, ["ann: did you get this?"]);
    await seesTalk(ann, ["me: did you get this? (sending)"]);
    await pair.goOffline();
    await pair.comeBack();
    await seesTalk(ann, ["me: did you get this? (sent)"]);
    await send(bob, "once");
    await seesTalk(bob, ["ann: did you get this?", "me: once (sent)"]);
    await seesTalk(ann, ["me: did you get this? (sent)", "bob: once"]);
  });
});

test("what was written offline survives a reload and a lost acknowledgement together", async () => {
  await withPair(app, browser, async (pair) => {
    const { ann, bob } = pair;
    pair.network.mute();
    await send(ann, "arrived");
    await seesTalk(bob, ["ann: arrived"]);
    await pair.goOffline();
    await send(ann, "not yet");
    await pair.reloadOnline();
    await isMember(ann, "ann");
    await seesTalk(ann, ["me: arrived (sent)", "me: not yet (sent)"]);
    await seesTalk(bob, ["ann: arrived", "ann: not yet"]);
  });
});

test("fifty messages wait at most, and the next one is refused in sight", async () => {
  await withPair(app, browser, async (pair) => {
    const { ann, bob } = pair;
    await pair.goOffline();
    const texts = numbered(50);
    for (const text of texts) await send(ann, text);
    await send(ann, "one too many");
    await ann.locator("#hint", { hasText: "50 messages are waiting" }).waitFor();
    assert.equal(await ann.locator("#messageText").inputValue(), "one too many");
    assert.equal(await ann.locator("#send").getAttribute("aria-disabled"), "true");

    await pair.comeBack();
    await seesTalk(
      bob,
      texts.map((text) => `ann: ${text}`),
    );
    await seesTalk(
      ann,
      texts.map((text) => `me: ${text} (sent)`),
    );
    await ann.locator("#send[aria-disabled=false]").waitFor();
    await ann.locator("#messageText").press("Enter");
    await seesTalk(
      bob,
      [...texts, "one too many"].map((text) => `ann: ${text}`),
    );
  });
});

test("a message longer than the server reads is refused in sight, and the connection stays", async () => {
  await withPair(app, browser, async (pair) => {
    const { ann, bob } = pair;
    await send(ann, "ä".repeat(33_000));
    await ann.locator("#hint", { hasText: /^Too long by [\d,]+ bytes\.$/ }).waitFor();
    const longest = "x".repeat(64 * 1024 - JSON.stringify(say("")).length);
    await send(ann, longest);
    await seesTalk(bob, [`ann: ${longest}`]);
    await send(ann, `${longest}x`);
    await ann.locator("#hint", { hasText: "Too long by 1 byte." }).waitFor();
  });
});

test("messages failed after a close that is for good, and one retry brings them all", async () => {
  await withWindows(browser, async (open) => {
    const { page, sockets, received } = await openPlayedRoom(open, app.url);
    await send(page, "one");
    await send(page, "two");
    await seesTalk(page, ["me: one (sending)", "me: two (sending)"]);
    const first = [...received];
    await sockets[0]?.close({ code: 1008, reason: "too many messages" });
    await seesState(page, "The server refused this client: too many messages");
    await seesTalk(page, ["me: one (failed)", "me: two (failed)"]);
    await send(page, "three");
    await page.locator("#hint", { hasText: "Your message stays here" }).waitFor();

    await page.getByRole("button", { name: "Retry" }).first().click();
    await seesTalk(page, ["me: one (sending)", "me: two (sending)"]);
    await until(() => received.length >= 4, "4 in all");
    assert.deepEqual(received.slice(2), first, "the same ids");
    for (const [index, { id }] of first.entries()) {
      sockets[1]?.send(JSON.stringify({ type: "ack", id, offset: index + 1 }));
    }
    await seesTalk(page, ["me: one (sent)", "me: two (sent)"]);
  });
});

test("a message that the server refuses says why, and can be sent again or given up", async () => {
  await withWindows(browser, async (open) => {
    const { page, sockets, received } = await openPlayedRoom(open, app.url);
    await send(page, "one");
    await until(() => received.length >= 1, "1 in all");
    const refuse = (index: number) =>
      sockets[0]?.send(
        JSON.stringify({
          type: "error",
          code: "id_reused",
          message: "<b>another text</b>",
          id: received[index]?.id,
        }),
      );
    refuse(0);
    await seesTalk(page, ["me: one (failed)"]);
    assert.equal(await page.locator(".reason").textContent(), "<b>another text</b>");
    await page.getByRole("button", { name: "Retry" }).click();
    await until(() => received.length >= 2, "2 in all");
    assert.notEqual(received[1]?.id, received[0]?.id, "its id is spent");
    assert.equal(received[1]?.text, "one");
    refuse(1);
    await page.getByRole("button", { name: "Discard" }).click();
    await seesTalk(page, []);
    await page.getByText("Nobody has said anything here yet.").waitFor();
  });
});

test("a network that swallows everything is noticed when an acknowledgement is overdue", async () => {
  await withPair(
    app,
    browser,
    async (pair) => {
      const { ann, bob } = pair;
      pair.network.stall();
      await send(ann, "into the void");
      await ann.clock.fastForward(10_000);
      await seesState(ann, "Connection lost");
      pair.network.cut();
      await pair.comeBack();
      await seesTalk(bob, ["ann: into the void"]);
      await seesTalk(ann, ["me: into the void (sent)"]);
    },
    { clock: true },
  );
});

test("who leaves a room with messages on their way is told, and they go when it returns", async () => {
  await withPair(app, browser, async (pair) => {
    const { ann, bob } = pair;
    await pair.goOffline();
    await send(ann, "left behind");
    await ann.getByLabel("Your name").fill("another");
    await ann.getByLabel("Your name").press("Enter");
    await ann.getByText("Your messages have to be sent first.").waitFor();
    await ann.getByLabel("Room", { exact: true }).fill(`another-${pair.room}`);
    await ann.getByLabel("Room", { exact: true }).press("Enter");
    await seesTalk(ann, [`— Not sent yet, and waiting in room ${pair.room}: 1`]);
    pair.network.restore();
    await ann.goBack();
    await isMember(ann, "ann");
    await seesTalk(bob, ["ann: left behind"]);
    await seesTalk(ann, ["me: left behind (sent)"]);
  });
});

function say(text: string): object {
  return { type: "say", id: "00000000-0000-4000-8000-000000000000", text };
}
