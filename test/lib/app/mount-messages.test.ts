import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Koa from "koa";
import { App } from "koa-subapps";

const messageOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  return assert.fail("expected an error");
};

describe("a prefix that is taken is refused with a message that says which app has it", () => {
  const app = new App();
  app.router.get("/page", () => {});
  app.websocket("/:id", () => {}).websocket("/", () => {});
  app.router.post("/more", () => {});
  for (const [what, first, words] of [
    ["by its routes", app, "the app with WebSocket /:id, WebSocket /, GET /page and 1 more routes"],
    [
      "by its mounts",
      new App().mount("/a", new App()).mount("/", new App()),
      "the app with mounts at /a, /",
    ],
    ["when it has nothing", new App(), "the app with no routes yet"],
    ["when it is plain Koa", new Koa(), "a plain Koa app"],
  ] as const) {
    test(`${what}, and by the line that mounted it`, () => {
      const root = new App();
      root.mount("/ws", first);
      const message = messageOf(() => root.mount("/ws/", new App()));
      assert.ok(message.includes(`/ws/ is taken by /ws, ${words} that was mounted at `), message);
      assert.match(message, /mounted at \S+mount-messages\.test\.ts:\d+:\d+; mount the second/);
    });
  }

  test("when it is the same app", () => {
    const root = new App().mount("/ws", app);
    assert.match(
      messageOf(() => root.mount("/ws", app)),
      /\/ws is taken by \/ws, the same app; /,
    );
  });
});

test("a malformed prefix is refused with what is wrong, and with no more", () => {
  const sample = 'expected a prefix such as "/ws" or "/orgs/:org", but got ';
  for (const [prefix, wrong] of [
    ["ws", 'it does not begin with "/"'],
    ["", 'it does not begin with "/"'],
    ["/a//b", "it has an empty segment"],
    ["/a/..", 'clients resolve ".." before they send a path'],
    ["/:1", '":1" is not a parameter; a parameter is a whole segment of ":" and a name'],
    ["/ws?x", 'a prefix is a path, without "?" and "#"'],
    ["/ws/*", 'a mount owns every path under its prefix, without a "*"'],
    ["/100%", '"100%" has a "%" that encodes nothing'],
    ["/café", "percent-encode this segment as clients send it: caf%C3%A9"],
    ["/a b", "percent-encode this segment as clients send it: a%20b"],
  ] as const) {
    const message = messageOf(() => new App().mount(prefix, new App()));
    assert.equal(message, `${sample}${JSON.stringify(prefix)}; ${wrong}`);
  }
});
