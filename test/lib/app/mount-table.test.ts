import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MountTable } from "../../../lib/app/mount-table.ts";

/** A table in which each prefix stands for itself. */
function tableOf(...prefixes: string[]): MountTable<string> {
  const table = new MountTable<string>();
  for (const prefix of prefixes) table.add(prefix, prefix);
  return table;
}

describe("adding to the mount table", () => {
  test("gives the prefix without its final slash", () => {
    const table = new MountTable<number>();
    assert.equal(table.add("/", 0), "");
    assert.equal(table.add("/ws", 1), "/ws");
    assert.equal(table.add("/chat/", 2), "/chat");
    assert.equal(table.add("/orgs/:org/", 3), "/orgs/:org");
  });

  test("takes every character that a path segment may have, and sound percent-encodings", () => {
    for (const prefix of ["/a-b._~", "/!$&'()+,;=@", "/caf%C3%A9", "/%2F", "/...", "/a..b", "/1"]) {
      assert.equal(new MountTable<number>().add(prefix, 1), prefix);
    }
  });

  test("refuses a malformed prefix, says what it got and leaves the table as it was", () => {
    for (const prefix of [
      "",
      "ws",
      "//",
      "///",
      "/ws//",
      "//ws",
      "/a//b",
      "/ws?x",
      "/ws#x",
      "/ws\\x",
      "/.",
      "/a/..",
      "/%2e",
      "/%2E./x",
      "/*",
      "/(.*)",
      "/:",
      "/:1",
      "/:a?",
      "/:a*",
      "/:a:b",
      "/x:a",
      "/caf\u00e9",
      "/a b",
      "/%zz",
      "/%2",
      "/%",
      "http://x/ws",
    ]) {
      const table = new MountTable<number>();
      assert.throws(
        () => table.add(prefix, 1),
        (error: Error) => {
          assert.ok(error.message.includes(`but got ${JSON.stringify(prefix)}`), error.message);
          assert.match(error.message, /expected a prefix such as "\/ws"/);
          return true;
        },
      );
      assert.equal(table.root, undefined);
      assert.equal(table.find(`/${prefix}/`), undefined);
    }
  });

  test("refuses a prefix that is taken, whatever its slash and its parameters' names", () => {
    for (const [first, second, named] of [
      ["/ws", "/ws/", "/ws"],
      ["/", "/", "/"],
      ["/orgs/:a", "/orgs/:b", "/orgs/:a"],
      ["/:a/x/:b", "/:b/x/:a/", "/:a/x/:b"],
    ] as const) {
      const table = tableOf(first);
      assert.throws(
        () => table.add(second, "second"),
        (error: Error) => {
          assert.ok(error.message.includes(`${second} is taken by ${named}`), error.message);
          assert.match(error.message, /mount the second app elsewhere, or inside the first/);
          return true;
        },
      );
    }
  });

  test("takes prefixes that differ only in case, encoding or kind", () => {
    assert.doesNotThrow(() => tableOf("/ws", "/WS", "/w%73", "/:ws", "/ws/ws", "/ws/:ws"));
  });
});

describe("finding in the mount table", () => {
  test("gives the value, the matched part and whether the slash is missing", () => {
    const table = tableOf("/ws");
    assert.deepEqual(table.find("/ws/rooms/1"), {
      value: "/ws",
      prefix: "/ws",
      params: {},
      missingSlash: false,
    });
    assert.equal(table.find("/ws/")?.missingSlash, false);
    assert.equal(table.find("/ws//")?.missingSlash, false);
    assert.equal(table.find("/ws")?.missingSlash, true);
  });

  test("gives nothing for a path that only resembles a prefix", () => {
    const table = tableOf("/ws", "/a/b", "/orgs/:org");
    for (const path of [
      "",
      "/",
      "ws",
      "ws/",
      "/w",
      "/wsx",
      "/WS/",
      "//ws/",
      "/w%73/",
      "/ws%2f",
      "/a",
      "/a/",
      "/a//b/",
      "/b",
      "/orgs",
      "/orgs/",
      "/orgs//",
      "/orgs//x",
      "/__proto__/",
      "/constructor/",
    ]) {
      assert.equal(table.find(path), undefined, path);
    }
  });

  test("leaves the mount at / to its own property", () => {
    const table = tableOf("/");
    assert.equal(table.root, "/");
    assert.equal(table.find("/"), undefined);
    assert.equal(table.find("/any"), undefined);
    assert.equal(new MountTable<number>().root, undefined);
  });

  test("gives the longest prefix, and of two that are equally long the more literal start", () => {
    const prefixes = ["/a", "/a/b", "/:x", "/:x/b", "/a/:y", "/a/:y/c", "/:x/b/c", "/:x/:y/:z/w"];
    for (const order of [prefixes, prefixes.toReversed()]) {
      const table = tableOf(...order);
      for (const [path, prefix] of [
        ["/a", "/a"],
        ["/a/", "/a"],
        ["/a/b/", "/a/b"],
        ["/a/q/", "/a/:y"],
        ["/q/", "/:x"],
        ["/q/b/", "/:x/b"],
        ["/q/q/", "/:x"],
        ["/a/b/c/", "/a/:y/c"],
        ["/q/b/c/", "/:x/b/c"],
        ["/a/b/c/w", "/:x/:y/:z/w"],
        ["/a/b/c/d/", "/a/:y/c"],
      ] as const) {
        assert.equal(table.find(path)?.value, prefix, path);
      }
    }
  });

  test("goes back to the parameter where the literal branch ends without a prefix", () => {
    const table = tableOf("/a/b/c/d", "/:x/y", "/:x");
    assert.equal(table.find("/a/y/")?.value, "/:x/y");
    assert.equal(table.find("/a/b/c/")?.value, "/:x");
  });

  test("gives parameters decoded, and the prefix as it was sent", () => {
    const table = tableOf("/orgs/:org/:team");
    const found = table.find("/orgs/caf%C3%A9/a%2Fb%20c/rest");
    assert.deepEqual(found?.params, { org: "caf\u00e9", team: "a/b c" });
    assert.equal(found?.prefix, "/orgs/caf%C3%A9/a%2Fb%20c");
  });

  test("gives a parameter as it was sent where its encoding is malformed", () => {
    const table = tableOf("/orgs/:org");
    for (const sent of ["100%", "%", "%zz", "%C3", "%E0%A4%A"]) {
      assert.deepEqual(table.find(`/orgs/${sent}/`)?.params, { org: sent });
    }
  });

  test("gives a parameter that looks like syntax or like a property of every object", () => {
    const table = tableOf("/:x");
    for (const sent of [":x", "*", "$1", "__proto__", "constructor", "..."]) {
      assert.equal(table.find(`/${sent}/`)?.params.x, sent);
    }
  });

  test("ends in time for very long paths and for prefixes that could multiply", () => {
    const table = new MountTable<string>();
    // Every segment can be literal or a parameter: 2^10 prefixes of ten segments.
    for (let bits = 0; bits < 1 << 10; bits++) {
      const segments = Array.from({ length: 10 }, (_, i) => (bits & (1 << i) ? `:p${i}` : "a"));
      table.add(`/${segments.join("/")}`, String(bits));
    }
    // Of the processor: on a machine that is busy the clock says nothing.
    const before = process.cpuUsage();
    assert.equal(table.find("/a".repeat(10_000))?.value, "0");
    assert.equal(table.find(`/${"x".repeat(100_000)}/`), undefined);
    assert.equal(table.find("/".repeat(100_000)), undefined);
    const { user } = process.cpuUsage(before);
    assert.ok(user < 1_000_000, `${user} µs`);
  });

  test("costs as much with ten thousand prefixes as with one", () => {
    const one = tableOf("/feature-0");
    const many = tableOf(...Array.from({ length: 10_000 }, (_, i) => `/feature-${i}`));
    assert.equal(many.find("/feature-9999/x")?.value, "/feature-9999");
    const cost = (table: MountTable<string>, path: string) => {
      const startedAt = performance.now();
      for (let i = 0; i < 20_000; i++) table.find(path);
      return performance.now() - startedAt;
    };
    cost(one, "/feature-0/x");
    const alone = Math.min(...[1, 2, 3].map(() => cost(one, "/feature-0/x")));
    const among = Math.min(...[1, 2, 3].map(() => cost(many, "/feature-9999/x")));
    // A walk through a list would be thousands of times slower.
    assert.ok(among < alone * 50 + 20, `${among} ms against ${alone} ms`);
  });
});
