import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { canonical, hostAllowed, isLoopback, originAllowed } from "../../lib/origin.ts";

describe("isLoopback", () => {
  test("holds for the names and addresses of this machine alone", () => {
    for (const name of [
      "localhost",
      "app.localhost",
      "a.b.localhost",
      "127.0.0.1",
      "127.0.0.53",
      "127.255.255.254",
      "::1",
      "[::1]",
      "::ffff:127.0.0.1",
      "[::ffff:127.0.0.1]",
    ]) {
      assert.equal(isLoopback(name), true, name);
    }
  });

  test("does not hold for names that only look like it", () => {
    for (const name of [
      "",
      "localhost.",
      "localhost.evil.example",
      "evillocalhost",
      "localhostevil",
      "127.0.0.1.evil.example",
      "127.0.0.1.",
      "127.1",
      "127.0.0.256",
      "0127.0.0.1",
      "2130706433",
      "0x7f.0.0.1",
      "0.0.0.0",
      "128.0.0.1",
      "192.168.0.1",
      "::",
      "::2",
      "[::1",
      "::1]",
      "::1%lo",
      "evil@x.localhost",
      "evil/.localhost",
      "evil#.localhost",
      "evil\\.localhost",
      "evil .localhost",
      "\u0131.localhost",
      "loc\u0430lhost",
    ]) {
      assert.equal(isLoopback(name), false, name);
    }
  });
});

describe("hostAllowed", () => {
  const none = new Set<string>();

  test("lets loopback in with any port and in any case", () => {
    for (const host of [
      "localhost",
      "LOCALHOST:8000",
      "127.0.0.1:65535",
      "[::1]",
      "[::1]:8000",
      "app.LocalHost:1",
    ]) {
      assert.equal(hostAllowed(host, none), true, host);
    }
  });

  test("lets a name that was given without a port in with every port", () => {
    const allowed = new Set(["chat.example", "[2001:db8::1]"]);
    for (const host of [
      "chat.example",
      "Chat.Example:443",
      "chat.example:8000",
      "[2001:DB8::1]:80",
    ]) {
      assert.equal(hostAllowed(host, allowed), true, host);
    }
  });

  test("lets a name that was given with a port in with that port only", () => {
    const allowed = new Set(["chat.example:8443"]);
    assert.equal(hostAllowed("chat.example:8443", allowed), true);
    for (const host of ["chat.example", "chat.example:443", "chat.example:84430"]) {
      assert.equal(hostAllowed(host, allowed), false, host);
    }
  });

  test("lets no other name in, however alike", () => {
    const allowed = new Set(["chat.example"]);
    for (const host of [
      "",
      ":80",
      "example",
      "evil.example",
      "chat.example.",
      "chat.example.evil.example",
      "evil-chat.example",
      "x.chat.example",
      "chat.example:80:80",
      "chat.example:http",
      "chat.example:123456",
      "chat.example@evil.example",
      "evil.example@chat.example",
      "chat.example/",
      "chat.example, evil.example",
      "localhost.evil.example:8000",
      "127.0.0.1.nip.example",
    ]) {
      assert.equal(hostAllowed(host, allowed), false, host);
    }
  });
});

describe("canonical", () => {
  test("is an origin as browsers write it", () => {
    for (const [origin, written] of [
      ["http://localhost", "http://localhost"],
      ["HTTP://LocalHost:80", "http://localhost"],
      ["https://a.example:443", "https://a.example"],
      ["https://a.example:80", "https://a.example:80"],
      ["http://[::1]:8000", "http://[::1]:8000"],
      ["http://\u00e9.example", "http://xn--9ca.example"],
    ] as const) {
      assert.equal(canonical(origin), written);
    }
  });

  test("is undefined for what is no origin of http or https", () => {
    for (const origin of [
      "",
      "null",
      "a.example",
      "//a.example",
      "ws://a.example",
      "wss://a.example",
      "ftp://a.example",
      "file://",
      "javascript:alert(1)",
      "http://",
      "http://a.example/",
      "http://a.example/path",
      "http://a.example?x",
      "http://a.example#x",
      "http://a.example\\@b.example",
      "http://user@a.example",
      "http://a.example http://b.example",
      "http://a.example, http://b.example",
      " http://a.example",
      "http://a.example ",
      "http://a.example:99999",
      "http://[::1",
    ]) {
      assert.equal(canonical(origin), undefined, origin);
    }
  });
});

describe("originAllowed", () => {
  test("lets the server's own origin in, default port or not", () => {
    for (const [origin, own] of [
      ["http://localhost:8000", "http://localhost:8000"],
      ["http://localhost", "http://localhost:80"],
      ["http://localhost", "HTTP://LOCALHOST"],
      ["https://a.example", "https://a.example:443"],
      ["http://[::1]:8000", "http://[::1]:8000"],
    ] as const) {
      assert.equal(originAllowed(origin, own, []), true, origin);
    }
  });

  test("lets another scheme, host or port in only when it is listed whole", () => {
    const own = "https://a.example";
    for (const origin of ["http://a.example", "https://b.example", "https://a.example:8443"]) {
      assert.equal(originAllowed(origin, own, []), false, origin);
      assert.equal(originAllowed(origin, own, [origin]), true, origin);
    }
  });

  test("takes null, and what is no origin, for nobody's, even where the own origin is none", () => {
    for (const own of ["", "null", "http://", "https://a.example"]) {
      assert.equal(originAllowed("null", own, ["null"]), false);
      for (const origin of ["", "undefined", "http://", "a.example", "https://a.example/"]) {
        assert.equal(originAllowed(origin, own, []), false, `${origin} at ${own}`);
      }
    }
  });
});
