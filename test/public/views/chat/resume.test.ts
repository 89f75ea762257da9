import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import type { Browser, Page, WebSocketRoute } from "playwright-core";
import { WebSocket } from "ws";
import { type AppProcess, startApp } from "../../../support/app-process.ts";
import { launchBrowser } from "../../../support/browser.ts";
import { startProxy, type TcpProxy } from "../../../support/proxy.ts";
import { until } from "../../../support/within.ts";
import {
  enterRoom,
  FAILED_ATTEMPT,
  isMember,
  type OpenWindow,
  seesMembers,
  seesState,
  seesTalk,
  send,
  withWindows,
} from "../../windows.ts";

let app: AppProcess;
let proxy: TcpProxy;
let browser: Browser;
let serial = 0;
let fox: string;

before(async () => {
  [app, browser] = await Promise.all([startApp(), launchBrowser()]);
});

after(async () => {
  await browser?.close();
  await app?.kill();
});

// Each test has a room of its own, and a network of its own.
beforeEach(async () => {
  serial += 1;
  fox = `fox${serial}`;
  proxy = await startProxy(app.port);
});

afterEach(async () => {
  await proxy?.close();
});

const numbered = (count: number, from = 1) =>
  Array.from({ length: count }, (_, index) => `number ${index + from}`);

test("who was away while fifty messages came gets exactly these, in order, below a line", async () => {
  await withPair(async (ann, bob) => {
    await send(bob, "before");
    await seesTalk(ann, ["bob: before"]);
    await goOffline(ann);
    const texts = numbered(50);
    for (const text of texts) await send(bob, text);
    await seesTalk(
      bob,
      ["before", ...texts].map((text) => `me: ${text} (sent)`),
    );

    await comeBack(ann);
    const seen = [
      "bob: before",
      "— You were away, 50 messages",
      ...texts.map((it) => `bob: ${it}`),
    ];
    await seesTalk(ann, seen);
    await send(bob, "after");
    await seesTalk(ann, [...seen, "bob: after"]);
    await seesMembers(ann, ["bob", "ann"]);
  });
});

test("what is said the moment somebody comes back is not counted as missed", async () => {
  await withWindows(browser, async (open) => {
    const { page, sockets } = await openWithServer(open, (socket) => {
      socket.send(welcome({ epoch: "first", offset: 1 }, true, 3));
      for (let offset = 2; offset <= 6; offset++) {
        socket.send(message(offset, "bob", `number ${offset}`));
      }
    });
    sockets[0]?.send(message(1, "bob", "number 1"));
    await seesTalk(page, ["bob: number 1"]);
    await sockets[0]?.close({ code: 1012 });
    await seesState(page, "Reconnecting");
    await page.evaluate(`dispatchEvent(new Event("online"))`);
    const [seen = "", ...news] = numbered(6).map((text) => `bob: ${text}`);
    await seesTalk(page, [seen, "— You were away, 2 messages", ...news]);
  });
});

test("a replay is not read out, and the first message behind it is", async () => {
  await withWindows(browser, async (open) => {
    const { page, sockets } = await openWithServer(open);
    const log = page.locator("#log");
    await page.locator("#log[aria-live=polite]").waitFor();
    await page.evaluate(`new MutationObserver(() => {
      log.dataset.modes = (log.dataset.modes ?? "") + " " + log.ariaLive;
    }).observe(document.querySelector("#messages"), { childList: true })`);
    sockets[0]?.send(welcome({ epoch: "second", offset: 0 }, false, 1));
    sockets[0]?.send(message(1, "bob", "old"));
    await seesTalk(page, ["— Some messages may have been missed", "bob: old"]);
    await page.locator("#log[aria-live=polite]").waitFor();
    assert.match((await log.getAttribute("data-modes")) ?? "", /^( off)+$/);
    sockets[0]?.send(message(2, "bob", "new"));
    await seesTalk(page, ["— Some messages may have been missed", "bob: old", "bob: new"]);
    assert.match((await log.getAttribute("data-modes")) ?? "", /^( off)+ polite$/);
  });
});

test("who comes back to a room that never stops talking reads exactly how much was missed", async () => {
  await withPair(async (ann, bob) => {
    const welcomes: { position: { offset: number }; latest: number }[] = [];
    ann.on("websocket", (socket) => {
      socket.on("framereceived", ({ payload }) => {
        const came = JSON.parse(payload.toString());
        if (came.type === "welcome") welcomes.push(came);
      });
    });
    await send(bob, "before");
    await seesTalk(ann, ["bob: before"]);
    await goOffline(ann);
    await using chatterbox = await Chatterbox.enter(app.url, fox);
    await comeBack(ann);
    await until(() => welcomes.length > 0, "a welcome");
    await chatterbox.said(30);
    const [back] = welcomes;
    assert.ok(back && back.latest < chatterbox.count, "it went on talking");
    const missed = back.latest - back.position.offset;
    const texts = numbered(chatterbox.count).map((text) => `chatterbox: ${text}`);
    await seesTalk(ann, ["bob: before", `— You were away, ${missed} messages`, ...texts]);
  });
});

test("who was away while nobody spoke sees no line", async () => {
  await withPair(async (ann, bob) => {
    await goOffline(ann);
    await comeBack(ann);
    await send(bob, "hello");
    await seesTalk(ann, ["bob: hello"]);
  });
});

test("what was written offline shows as sending, and arrives once and in order", async () => {
  await withPair(async (ann, bob) => {
    await goOffline(ann);
    for (const text of ["first", "second", "second"]) await send(ann, text);
    await seesTalk(ann, ["me: first (sending)", "me: second (sending)", "me: second (sending)"]);
    await send(bob, "meanwhile");
    await comeBack(ann);
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
  await withPair(async (ann, bob) => {
    proxy.mute();
    await send(ann, "did you get this?");
    await seesTalk(bob, ["ann: did you get this?"]);
    await seesTalk(ann, ["me: did you get this? (sending)"]);
    await goOffline(ann);
    await comeBack(ann);
    await seesTalk(ann, ["me: did you get this? (sent)"]);
    await send(bob, "once");
    await seesTalk(bob, ["ann: did you get this?", "me: once (sent)"]);
    await seesTalk(ann, ["me: did you get this? (sent)", "bob: once"]);
  });
});

test("what was written offline survives a reload and a lost acknowledgement together", async () => {
  await withPair(async (ann, bob) => {
    proxy.mute();
    await send(ann, "arrived");
    await seesTalk(bob, ["ann: arrived"]);
    await goOffline(ann);
    await send(ann, "not yet");
    await reloadOnline(ann);
    await isMember(ann, "ann");
    await seesTalk(ann, ["me: arrived (sent)", "me: not yet (sent)"]);
    await seesTalk(bob, ["ann: arrived", "ann: not yet"]);
  });
});

test("a reload shows the history again, with a line where this window had got to", async () => {
  await withPair(async (ann, bob) => {
    await send(bob, "seen");
    await seesTalk(ann, ["bob: seen"]);
    await goOffline(ann);
    for (const text of numbered(2)) await send(bob, text);
    await seesTalk(
      bob,
      ["seen", ...numbered(2)].map((text) => `me: ${text} (sent)`),
    );
    await reloadOnline(ann);
    await seesTalk(ann, [
      "bob: seen",
      "— You were away, 2 messages",
      "bob: number 1",
      "bob: number 2",
    ]);
  });
});

test("after a restart of the server the window says that messages may have been missed", async () => {
  await withPair(async (ann, bob) => {
    await send(bob, "before");
    await seesTalk(ann, ["bob: before"]);
    await app.kill();
    for (const page of [ann, bob]) await seesState(page, "Connection lost");
    await send(ann, "written meanwhile");
    app = await startApp({ port: app.port });
    await hurry(ann);
    await isMember(ann, "ann");
    await hurry(bob);
    await seesTalk(bob, [
      "me: before (sent)",
      "— Some messages may have been missed",
      "ann: written meanwhile",
    ]);
    await seesTalk(ann, [
      "bob: before",
      "— Some messages may have been missed",
      "me: written meanwhile (sent)",
    ]);
    await send(bob, "after");
    await seesTalk(ann, [
      "bob: before",
      "— Some messages may have been missed",
      "me: written meanwhile (sent)",
      "bob: after",
    ]);
  });
});

test("fifty messages wait at most, and the next one is refused in sight", async () => {
  await withPair(async (ann, bob) => {
    await goOffline(ann);
    const texts = numbered(50);
    for (const text of texts) await send(ann, text);
    await send(ann, "one too many");
    await ann.locator("#hint", { hasText: "50 messages are waiting" }).waitFor();
    assert.equal(await ann.locator("#messageText").inputValue(), "one too many");
    assert.equal(await ann.locator("#send").getAttribute("aria-disabled"), "true");

    await comeBack(ann);
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
  await withPair(async (ann, bob) => {
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
    const { page, sockets, received } = await openWithServer(open);
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
    const { page, sockets, received } = await openWithServer(open);
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

test("a new welcome in mid-connection begins anew and sends again what is owed", async () => {
  await withWindows(browser, async (open) => {
    const { page, sockets, received } = await openWithServer(open);
    const server = sockets[0];
    server?.send(message(1, "bob", "old"));
    await send(page, "mine");
    await until(() => received.length >= 1, "1 in all");
    server?.send(message(2, "me", "mine"));
    await seesTalk(page, ["bob: old", "me: mine (sending)"]);
    server?.send(welcome({ epoch: "second", offset: 0 }, false));
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
    const { page, sockets, received } = await openWithServer(open);
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

test("a network that swallows everything is noticed when an acknowledgement is overdue", async () => {
  await withPair(
    async (ann, bob) => {
      proxy.stall();
      await send(ann, "into the void");
      await ann.clock.fastForward(10_000);
      await seesState(ann, "Connection lost");
      proxy.cut();
      await comeBack(ann);
      await seesTalk(bob, ["ann: into the void"]);
      await seesTalk(ann, ["me: into the void (sent)"]);
    },
    { clock: true },
  );
});

test("who leaves a room with messages on their way is told, and they go when it returns", async () => {
  await withPair(async (ann, bob) => {
    await goOffline(ann);
    await send(ann, "left behind");
    await ann.getByLabel("Your name").fill("another");
    await ann.getByLabel("Your name").press("Enter");
    await ann.getByText("Your messages have to be sent first.").waitFor();
    await ann.getByLabel("Room", { exact: true }).fill(`hen${serial}`);
    await ann.getByLabel("Room", { exact: true }).press("Enter");
    await seesTalk(ann, [`— Not sent yet, and waiting in room ${fox}: 1`]);
    proxy.restore();
    await ann.goBack();
    await isMember(ann, "ann");
    await seesTalk(bob, ["ann: left behind"]);
    await seesTalk(ann, ["me: left behind (sent)"]);
  });
});

/** A member that says the next number as soon as the server has taken the last one. */
class Chatterbox implements AsyncDisposable {
  /** How much it has said that the server has taken. */
  count = 0;
  readonly #socket: WebSocket;
  #wanted = Number.POSITIVE_INFINITY;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data) => {
      const { type } = JSON.parse(String(data));
      if (type === "ack") this.count += 1;
      if (type === "welcome" || type === "ack") this.#say();
    });
  }

  /** Comes, and has said something when this resolves. */
  static async enter(url: string, room: string): Promise<Chatterbox> {
    const address = `${url.replace("http", "ws")}chat/${room}/chatterbox`;
    const chatterbox = new Chatterbox(new WebSocket(address, ["chat.v1"]));
    await until(() => chatterbox.count >= 3, "it to have begun");
    return chatterbox;
  }

  /** Goes on for some more, and is silent then. */
  async said(more: number): Promise<void> {
    this.#wanted = this.count + more;
    await until(() => this.count === this.#wanted, "it to have said it all");
  }

  #say(): void {
    if (this.count >= this.#wanted) return;
    const say = { type: "say", id: `${this.count}`, text: `number ${this.count + 1}` };
    // Slow enough for the server to take all, and for the page to show all.
    setTimeout(() => this.#socket.send(JSON.stringify(say)), 20);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.terminate();
  }
}

/** Two windows in a room: Ann's behind the proxy, Bob's not. */
async function withPair(
  body: (ann: Page, bob: Page) => Promise<void>,
  { clock = false } = {},
): Promise<void> {
  await withWindows(
    browser,
    async (open) => {
      const bob = await enterRoom(open, app.url, "bob", { room: fox });
      const ann = clock
        ? await openWithClock(open)
        : await enterRoom(open, proxy.url, "ann", { room: fox });
      await body(ann, bob);
    },
    { expected: FAILED_ATTEMPT },
  );
}

async function openWithClock(open: OpenWindow): Promise<Page> {
  const page = await open("about:blank", { clientId: "ann" });
  await page.clock.install();
  await page.goto(`${proxy.url}#room/${fox}`);
  await isMember(page, "ann");
  return page;
}

async function goOffline(page: Page): Promise<void> {
  proxy.cut();
  await seesState(page, "Connection lost");
}

async function comeBack(page: Page): Promise<void> {
  proxy.restore();
  await hurry(page);
}

/** Reloads a window once the network is back, and not after it has come back by itself. */
async function reloadOnline(page: Page): Promise<void> {
  const url = page.url();
  await page.goto("about:blank");
  proxy.restore();
  await page.goto(url);
}

/** The waits are random; the browser's word that the network is back makes them short. */
async function hurry(page: Page): Promise<void> {
  await page.evaluate(`dispatchEvent(new Event("online"))`);
  await seesState(page, `Connected to /chat/${fox}/`);
}

/** A window in a room whose server is played by the test: it has said welcome, and nothing else. */
async function openWithServer(
  open: OpenWindow,
  comesBack = (socket: WebSocketRoute) => {
    socket.send(welcome({ epoch: "first", offset: 0 }, true));
  },
): Promise<{ page: Page; sockets: WebSocketRoute[]; received: { id: string; text: string }[] }> {
  const page = await open("about:blank", { clientId: "me" });
  const sockets: WebSocketRoute[] = [];
  const received: { id: string; text: string }[] = [];
  await page.routeWebSocket(/\/chat\//, (socket) => {
    sockets.push(socket);
    socket.onMessage((data) => {
      const message = JSON.parse(data.toString());
      if (message.type === "say") received.push(message);
    });
    if (sockets.length === 1) socket.send(welcome({ epoch: "first", offset: 0 }, null));
    else comesBack(socket);
  });
  await page.goto(`${app.url}#room/${fox}`);
  await isMember(page, "me");
  return { page, sockets, received };
}

function welcome(
  position: { epoch: string; offset: number },
  recovered: boolean | null,
  latest = position.offset,
): string {
  const members = [{ id: "me", since: "2026-01-01T00:00:00.000Z" }];
  const about = { room: "fox", you: "me", position, latest, recovered, members };
  return JSON.stringify({ type: "welcome", ...about });
}

function message(offset: number, from: string, text: string): string {
  return JSON.stringify({ type: "message", offset, from, text, at: "2026-01-01T00:00:00.000Z" });
}

function say(text: string): object {
  return { type: "say", id: "00000000-0000-4000-8000-000000000000", text };
}
