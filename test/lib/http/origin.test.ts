import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  canonical,
  canonicalHost,
  hostAllowed,
  isLoopback,
  isOrigin,
  originAllowed,
} from "../../../lib/http/origin.ts";

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

describe("an IPv6 address among the hosts", () => {
  test("is one, with and without brackets, however long it is written", () => {
    for (const given of ["2001:db8::1", "[2001:db8::1]", "2001:0DB8:0:0::1", "[2001:DB8:0::0:1]"]) {
      const allowed = new Set([canonicalHost(given) ?? ""]);
      for (const host of ["[2001:db8::1]", "[2001:DB8::1]:8000", "[2001:0db8:0:0:0:0:0:1]:80"]) {
        assert.equal(hostAllowed(host, allowed), true, `${host} where ${given} is allowed`);
      }
      for (const host of ["[2001:db8::2]", "2001:db8::1", "[2001:db8::1", "[2001:db8::1]x"]) {
        assert.equal(hostAllowed(host, allowed), false, `${host} where ${given} is allowed`);
      }
    }
  });

  test("may have a port, and is then allowed with that port only", () => {
    const allowed = new Set([canonicalHost("[2001:DB8::1]:8443") ?? ""]);
    assert.equal(hostAllowed("[2001:db8:0::1]:8443", allowed), true);
    assert.equal(hostAllowed("[2001:db8::1]", allowed), false);
    assert.equal(hostAllowed("[2001:db8::1]:844", allowed), false);
  });
});

describe("canonicalHost", () => {
  test("is a host as Host headers have it", () => {
    for (const [given, host] of [
      ["Chat.Example", "chat.example"],
      ["chat.example:8443", "chat.example:8443"],
      ["chat_1.example.", "chat_1.example."],
      ["192.0.2.1:80", "192.0.2.1:80"],
      ["[::1]", "[::1]"],
    ] as const) {
      assert.equal(canonicalHost(given), host, given);
    }
  });

  test("is undefined for what no Host can be, so that a wildcard is not mistaken for one", () => {
    for (const given of [
      ...["", ".", ".chat.example", "*.chat.example", "*", "chat..example", "-chat.example"],
      ...["http://chat.example", "chat.example/", "chat.example:", "chat.example:0"],
      ...["chat.example:65536", "chat.example:http", "a b", "user@chat.example", "[chat.example]"],
      ...["[2001:db8::1", "2001:db8::1]", "[::1]8443", "[fe80::1%eth0]", "fe80::1%eth0", ":::"],
    ]) {
      assert.equal(canonicalHost(given), undefined, given);
    }
  });
});

describe("isOrigin", () => {
  test("holds for what browsers, apps and extensions send", () => {
    for (const origin of [
      ...["https://a.example", "http://localhost:3000", "http://[::1]:8000"],
      ...["capacitor://localhost", "ionic://localhost", "tauri://localhost", "app://obsidian.md"],
      ...["chrome-extension://abcdefghijklmnopabcdefghijklmnop", "file://", "app://-"],
      "moz-extension://d36f8c9e-5b0e-4a6e-9f0f-3a1c5ad6ce0a",
      "safari-web-extension://3D0E6B9A-2C45-4B4C-9B7B-0E3B5C9F1A11",
    ]) {
      assert.equal(isOrigin(origin), true, origin);
      assert.equal(originAllowed(origin, "", [origin]), true, origin);
    }
  });

  test("does not hold for what nobody sends as an Origin, or what is never let in", () => {
    for (const origin of [
      ...["", "null", "*", "a.example", "https://a.example/", "https://A.example"],
      ...["https://a.example:443", "https://*.example", "ws://a.example", "wss://a.example"],
      ...["capacitor://", "capacitor://localhost/", "CAPACITOR://localhost", "tauri:localhost"],
      ...["javascript://x", "data://x", "blob://x", "file:///", "app://a b", "app://a@b"],
    ]) {
      assert.equal(isOrigin(origin), false, origin);
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
