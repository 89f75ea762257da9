import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocket } from "ws";
import { type AppProcess, startApp } from "../../../support/app-process.ts";
import { browsedApp } from "../../../support/browsed.ts";
import { until } from "../../../support/within.ts";
import { isMember, seesMembers, seesState, seesTalk, send, withWindows } from "../../windows.ts";
import { type Pair, withPair } from "./pair.ts";
import { message, openPlayedRoom, welcome } from "./played-room.ts";

const [app, browser] = await browsedApp();

const numbered = (count: number) =>
  Array.from({ length: count }, (_, index) => `number ${index + 1}`);

test("who was away while fifty messages came gets exactly these, in order, below a line", async () => {
  await withPair(app, browser, async (pair) => {
    const { ann, bob } = pair;
    await send(bob, "before");
    await seesTalk(ann, ["bob: before"]);
    await pair.goOffline();
    const texts = numbered(50);
    for (const text of texts) await send(bob, text);
    await seesTalk(
      bob,
      ["before", ...texts].map((text) => `me: ${text} (sent)`),
    );

    await pair.comeBack();
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
    const { page, sockets } = await openPlayedRoom(open, app.url, {
      comesBack: (socket) => {
        socket.send(welcome(true, { position: { epoch: "first", offset: 1 }, latest: 3 }));
        for (let offset = 2; offset <= 6; offset++) {
          socket.send(message(offset, "bob", `number ${offset}`));
        }
      },
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
    const { page, sockets } = await openPlayedRoom(open, app.url);
    const log = page.locator("#log");
    await page.locator("#log[aria-live=polite]").waitFor();
    await page.evaluate(`new MutationObserver(() => {
      log.dataset.modes = (log.dataset.modes ?? "") + " " + log.ariaLive;
    }).observe(document.querySelector("#messages"), { childList: true })`);
    sockets[0]?.send(welcome(false, { position: { epoch: "second", offset: 0 }, latest: 1 }));
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
  await withPair(app, browser, async (pair) => {
    const { ann, bob } = pair;
    const welcomes: { position: { offset: number }; latest: number }[] = [];
    ann.on("websocket", (socket) => {
      socket.on("framereceived", ({ payload }) => {
        const came = JSON.parse(payload.toString());
        if (came.type === "welcome") welcomes.push(came);
      });
    });
    await send(bob, "before");
    await seesTalk(ann, ["bob: before"]);
    await pair.goOffline();
    await using chatterbox = await Chatterbox.enter(app.url, pair.room);
    await pair.comeBack();
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
  await withPair(app, browser, async (pair) => {
    const { ann, bob } = pair;
    await pair.goOffline();
    await pair.comeBack();
    await send(bob, "hello");
    await seesTalk(ann, ["bob: hello"]);
  });
});

test("a reload shows the history again, with a line where this window had got to", async () => {
  await withPair(app, browser, async (pair) => {
    const { ann, bob } = pair;
    await send(bob, "seen");
    await seesTalk(ann, ["bob: seen"]);
    await pair.goOffline();
    for (const text of numbered(2)) await send(bob, text);
    await seesTalk(
      bob,
      ["seen", ...numbered(2)].map((text) => `me: ${text} (sent)`),
    );
    await pair.reloadOnline();
    await seesTalk(ann, [
      "bob: seen",
      "— You were away, 2 messages",
      "bob: number 1",
      "bob: number 2",
    ]);
  });
});

test("after a restart of the server the window says that messages may have been missed", async () => {
  const first = await startApp();
  let second: AppProcess | undefined;
  const body = async (pair: Pair) => {
    const { ann, bob } = pair;
    await send(bob, "before");
    await seesTalk(ann, ["bob: before"]);
    await first.kill();
    for (const page of [ann, bob]) await seesState(page, "Connection lost");
    await send(ann, "written meanwhile");
    second = await startApp({ port: first.port });
    await pair.hurry(ann);
    await isMember(ann, "ann");
    await pair.hurry(bob);
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
  };
  try {
    await withPair(first, browser, body);
  } finally {
    await first.kill();
    await second?.kill();
  }
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
