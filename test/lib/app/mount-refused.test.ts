import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { App } from "koa-subapps";
import { feature } from "../../support/feature.ts";

describe("a mount", () => {
  test("at a prefix that is taken is refused, naming both and the remedy", () => {
    for (const [first, second] of [
      ["/ws", "/ws"],
      ["/ws", "/ws/"],
      ["/ws/", "/ws"],
      ["/", "/"],
      ["/orgs/:a", "/orgs/:b"],
      ["/orgs/:a/x", "/orgs/:b/x/"],
    ] as const) {
      const app = new App().mount(first, feature());
      assert.throws(
        () => app.mount(second, feature()),
        (error: Error) => {
          assert.ok(error.message.includes(second), error.message);
          assert.ok(error.message.includes(first.replace(/(.)\/$/, "$1")), error.message);
          assert.match(error.message, /mount the second app elsewhere, or inside the first/);
          return true;
        },
      );
      assert.equal(app.mounts.length, 1, "the refused app must not have a lifespan either");
    }
  });

  test("at a malformed prefix is refused with an example of a sound one", () => {
    for (const prefix of malformed) {
      assert.throws(() => new App().mount(prefix, feature()), /such as "\/ws"/, prefix);
    }
  });

  test("of a value that is not an app is refused", () => {
    for (const what of [async () => {}, undefined, {}, "app"]) {
      const message = `expected a Koa app at /fn, but got ${typeof what}`;
      assert.throws(() => new App().mount("/fn", what as never), { name: "TypeError", message });
    }
  });

  test("of an app in itself is refused, at any depth", () => {
    const outer = new App();
    assert.throws(() => outer.mount("/self", outer), /contain itself/);
    const middle = new App();
    const inner = new App();
    outer.mount("/middle", middle);
    middle.mount("/inner", inner);
    assert.throws(() => inner.mount("/outer", outer), /contain itself/);
    assert.throws(() => middle.mount("/outer", outer), /contain itself/);
    assert.equal(inner.mounts.length, 0);
  });
});

const malformed = [
  "",
  "ws",
  ":org",
  "//",
  "/ws//",
  "//ws",
  "/a//b",
  "/ws?x",
  "/ws#x",
  "/ws\\x",
  "/ws/../x",
  "/.",
  "/..",
  "/%2e%2e",
  "/ws/*",
  "/(.*)",
  "/:",
  "/:1a",
  "/orgs/:org?",
  "/orgs/:org(.*)",
  "/orgs/:org-:unit",
  "/orgs/x:org",
  "/caf\u00e9",
  "/a b",
  "/%zz",
  "/100%",
];
