import assert from "node:assert/strict";
import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { describe, test } from "node:test";
import Koa from "koa";
import { isPlain, otherSlash, rawPath } from "../../../lib/http/path.ts";

function contextOf(target: string): Koa.Context {
  const req = new IncomingMessage(new Socket());
  req.url = target;
  return new Koa().createContext(req, new ServerResponse(req)) as Koa.Context;
}

describe("rawPath", () => {
  test("is the target up to the first question mark, byte for byte", () => {
    for (const [target, path] of [
      ["/", "/"],
      ["/ws", "/ws"],
      ["/ws?", "/ws"],
      ["/ws?a=1?b", "/ws"],
      ["?a", ""],
      ["", ""],
      ["/w%73/%3f?x", "/w%73/%3f"],
      ["//ws//?/", "//ws//"],
      ["/ws#x?y", "/ws#x"],
    ] as const) {
      assert.equal(rawPath(target), path, target);
    }
  });
});

describe("isPlain", () => {
  test("holds for a path that Koa's parser reads as it was sent", () => {
    const long = `/${"segment/".repeat(2_000)}`;
    for (const target of [
      "/",
      "/?",
      "/ws/rooms/1?x=1",
      "/ws?next=/../x",
      "/ws?path=\\x",
      "/w%73/",
      "/%2f/%5c/%23",
      "/a//b",
      "//ws/",
      "/100%",
      "/%",
      "/.well-known/x",
      "/...",
      "/a..b/..c",
      "/a/%2e%2e%2e/",
      "/a;b=c,d",
      '/{a}|^`<>"',
      long,
    ]) {
      assert.equal(isPlain(contextOf(target)), true, target);
    }
  });

  test("does not hold where the parser or a client would read another path", () => {
    for (const target of [
      "",
      "*",
      "ws/",
      "?x",
      "http://x/ws/",
      "/ws\\",
      "/ws\\#",
      "/\\evil.example",
      "/ws#",
      "/ws/#x",
      "/ws/?x#y",
      "/.",
      "/..",
      "/./ws",
      "/ws/../ws/",
      "/ws/..",
      "/ws/%2e%2E/ws/",
      "/ws/.%2e",
      "/ws/%2e",
      "/ws/\u00a0",
    ]) {
      assert.equal(isPlain(contextOf(target)), false, target);
    }
  });

  test("judges the original target, not what a mount above made of it", () => {
    const stripped = contextOf("/ws/../x");
    stripped.path = "/x";
    assert.equal(isPlain(stripped), false);
    const sound = contextOf("/ws/x?y=1");
    sound.path = "/x";
    assert.equal(isPlain(sound), true);
  });
});

describe("otherSlash", () => {
  test("adds or takes the final slash and keeps the query and the encoding", () => {
    for (const [target, other] of [
      ["/ws", "/ws/"],
      ["/ws/", "/ws"],
      ["/ws?", "/ws/?"],
      ["/ws?x=1", "/ws/?x=1"],
      ["/ws/?x=/", "/ws?x=/"],
      ["/w%73?q=%2f+%20", "/w%73/?q=%2f+%20"],
      ["/a/b/c", "/a/b/c/"],
      ["/%2F%2Fevil.example", "/%2F%2Fevil.example/"],
      ["/ws?next=//evil.example", "/ws/?next=//evil.example"],
      ["/ws?a\\b", "/ws/?a\\b"],
    ] as const) {
      assert.equal(otherSlash(target), other);
    }
  });

  test("is undefined where a Location made of it could leave this host or mean another path", () => {
    for (const target of [
      "/",
      "/?x",
      "",
      "?x",
      "*",
      "ws",
      "//",
      "//evil.example",
      "//evil.example/",
      "/ws//",
      "/a//b",
      "/\\evil.example",
      "/ws\\",
      "\\\\evil.example",
      "/ws#",
      "/ws\\#",
      "/ws?x#y",
      "http://evil.example/ws",
      "javascript:alert(1)",
    ]) {
      assert.equal(otherSlash(target), undefined, target);
    }
  });
});
