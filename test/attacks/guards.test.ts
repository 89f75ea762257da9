import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import Koa from "koa";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { MountTable } from "../../lib/app/mount-table.ts";
import { otherSlash } from "../../lib/http/path.ts";
import { Attacker, type Attempt, attempts } from "./guards/attempt.ts";
import { type Grown, grow, TOKEN, type Tree, trees } from "./guards/tree.ts";

const RUNS = 60;
const ATTEMPTS_PER_RUN = 50;
const PATH_GUARD_RUNS = 15;
/** What allowedMethods answers 501 and nothing else may. */
const IMPLEMENTED = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Each run of these starts a server, and so does each step of making a failure smaller. */
const SLOW = { includeErrorInReport: true, interruptAfterTimeLimit: 40_000 };

let tried = 0;

/** Tries each attempt without the token and with it, and holds the guards to their word. */
async function besiege(grown: Grown, list: readonly Attempt[]): Promise<void> {
  const { root, targets, breaches } = grown;
  root.on("error", () => {});
  await using client = await TestClient.start(root, { leftovers: false });
  await using attacker = new Attacker(client.url);
  for (const attempt of list) {
    const target = attempt.targetFrom(targets);
    for (const token of [false, true]) {
      const status = await attacker.send(attempt, target, token);
      const sent = `${attempt.socket ? "a handshake" : attempt.method} of ${JSON.stringify(target)}`;
      tried++;
      const fine = status < 500 || (status === 501 && !IMPLEMENTED.has(attempt.method));
      assert.ok(fine, `${sent} got ${status}`);
      assert.deepEqual(breaches, [], `${sent} came in without the token`);
    }
  }
}

describe("a guard in ordinary middleware", () => {
  test("is reached around by no path, method or header, wherever its app hangs", async () => {
    await fc.assert(
      fc.asyncProperty(
        trees,
        fc.array(attempts, { minLength: ATTEMPTS_PER_RUN, maxLength: ATTEMPTS_PER_RUN }),
        async (tree, list) => besiege(grow(tree), list),
      ),
      { numRuns: RUNS, ...SLOW },
    );
  });

  test("lets in who has the token, so that the attempts are at something that is there", async () => {
    let reached = 0;
    await fc.assert(
      fc.asyncProperty(trees, async (tree) => {
        const { root, targets, entered, breaches } = grow(tree);
        await using client = await TestClient.start(root, { leftovers: false });
        await using attacker = new Attacker(client.url);
        for (const { at, path, socket, guarded } of targets) {
          const plain = { socket, method: "GET", headers: [] };
          const welcome = socket ? 101 : 200;
          entered.length = 0;
          const status = await attacker.send(plain, path, true);
          // A longer prefix that matches as well goes before it.
          if (entered.at(-1) !== at) continue;
          assert.equal(status, welcome, `${path} with the token`);
          const stranger = await attacker.send(plain, path, false);
          assert.equal(stranger, guarded ? 401 : welcome, `${path} without the token`);
          if (guarded) reached++;
        }
        assert.deepEqual(breaches, []);
      }),
      { numRuns: 10, ...SLOW },
    );
    assert.ok(reached >= 20, `${reached} guarded targets`);
  });

  test("on a path of the root cannot be reached around to the app that is mounted there", async () => {
    const within: Tree = {
      prefix: "/deep/:id",
      guarded: false,
      late: false,
      plain: false,
      children: [],
    };
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.boolean(),
        fc.array(attempts, { minLength: ATTEMPTS_PER_RUN, maxLength: ATTEMPTS_PER_RUN }),
        async (late, plain, list) => {
          const admin = {
            prefix: "/admin",
            guarded: false,
            late: false,
            plain,
            children: [within],
          };
          const others = ["/", "/:any", "/Admin", "/public/admin", "/%61dmin"].map((prefix) => ({
            prefix,
            guarded: false,
            late: false,
            plain: false,
            children: [],
          }));
          const grown = grow(
            { prefix: "/", guarded: false, late, plain: false, children: [admin, ...others] },
            {
              guard: (ctx, next) => {
                if (!ctx.path.startsWith("/admin") || ctx.get("x-token") === TOKEN) return next();
                ctx.status = 401;
                return undefined;
              },
              isGuarded: (mountPath) => /^\/admin(\/|$)/.test(mountPath),
            },
          );
          await besiege(grown, list);
        },
      ),
      { numRuns: PATH_GUARD_RUNS, ...SLOW },
    );
  });

  test("was tried in at least two thousand cases", () => {
    assert.ok(tried >= 2_000, `${tried} cases`);
  });
});

describe("the mount table, against a list that is searched from end to end", () => {
  const segment = fc.constantFrom("a", "b", "A", "a.b", "%61", "a%2Fb", "~", "c");
  const prefix = fc
    .array(fc.oneof({ weight: 3, arbitrary: segment }, fc.constantFrom(":x", ":y")), {
      maxLength: 4,
    })
    .map((segments) => `/${segments.join("/")}`);
  const path = fc
    .array(fc.oneof({ weight: 4, arbitrary: segment }, fc.constantFrom("", "..", ":x", "%", "*")), {
      maxLength: 6,
    })
    .map((segments) => segments.join("/"))
    .chain((rest) => fc.constantFrom(`/${rest}`, `/${rest}/`, rest, `//${rest}`));
  const shapeOf = (pattern: string) => pattern.replace(/:\w+/g, ":").replace(/\/$/, "");

  /** What is to be found, the slow way. */
  function search(prefixes: readonly string[], sent: string) {
    if (!sent.startsWith("/")) return undefined;
    const segments = sent.slice(1).split("/");
    const matches = prefixes
      .map((pattern) => pattern.slice(1).split("/"))
      .filter((wanted) => wanted.join("") !== "" && wanted.length <= segments.length)
      .filter((wanted) =>
        wanted.every((each, i) =>
          each.startsWith(":") ? segments[i] !== "" : each === segments[i],
        ),
      );
    const rank = (wanted: readonly string[]) =>
      wanted.map((each) => (each.startsWith(":") ? "1" : "0")).join("");
    matches.sort((a, b) => b.length - a.length || (rank(a) < rank(b) ? -1 : 1));
    const [best] = matches;
    if (!best) return undefined;
    const params: Record<string, string> = {};
    best.forEach((each, i) => {
      if (each.startsWith(":")) params[each.slice(1)] = decoded(segments[i] ?? "");
    });
    return {
      value: `/${best.join("/")}`,
      prefix: `/${segments.slice(0, best.length).join("/")}`,
      params,
      missingSlash: best.length === segments.length,
    };
  }

  function decoded(text: string): string {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }

  test("finds the same, in whatever order the prefixes came", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(prefix, { selector: shapeOf, maxLength: 12 }),
        fc.array(path, { minLength: 1, maxLength: 20 }),
        (prefixes, sent) => {
          const tables = [prefixes, [...prefixes].reverse()].map((order) => {
            const table = new MountTable<string>();
            for (const each of order) table.add(each, each);
            return table;
          });
          for (const each of sent) {
            for (const table of tables) {
              assert.deepEqual(table.find(each), search(prefixes, each), each);
            }
          }
        },
      ),
      { numRuns: 500, includeErrorInReport: true },
    );
  });

  test("finds only prefixes that the path begins with, whatever it is", () => {
    const table = new MountTable<string>();
    for (const each of ["/a", "/a/b", "/:x", "/:x/b/:y", "/%61"]) table.add(each, each);
    const bytes = fc.string({ unit: "binary-ascii", maxLength: 40 });
    fc.assert(
      fc.property(bytes, (sent) => {
        const found = table.find(`/${sent}`);
        if (!found) return;
        assert.ok(`/${sent}`.startsWith(found.prefix));
        assert.equal(found.missingSlash, found.prefix.length === sent.length + 1);
        if (!found.missingSlash) assert.equal(`/${sent}`[found.prefix.length], "/");
      }),
      { numRuns: 1_000, includeErrorInReport: true },
    );
  });
});

describe("a redirect to the other slash", () => {
  const OWN = "http://own.example";
  const piece = fc.oneof(
    fc.constantFrom(
      "/",
      "//",
      "\\",
      "?",
      "#",
      ".",
      "..",
      ":",
      "@",
      "%2f",
      "%5c",
      "%09",
      "evil.example",
    ),
    fc.string({ unit: "grapheme-ascii", maxLength: 5 }),
    fc.string({ unit: "grapheme", maxLength: 3 }),
  );
  const target = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));

  test("never leads off this host, and only ever changes the slash", () => {
    fc.assert(
      fc.property(fc.constantFrom("", "/", "//", "/\\", "\\"), target, (start, rest) => {
        const sent = start + rest;
        const other = otherSlash(sent);
        if (other === undefined) return;
        assert.match(other, /^\/(?![/\\])/);
        assert.equal(new URL(other, `${OWN}/a/b`).origin, OWN);
        const [path = "", ...query] = sent.split("?");
        const [otherPath = "", ...otherQuery] = other.split("?");
        assert.deepEqual(otherQuery, query);
        assert.equal(Math.abs(otherPath.length - path.length), 1);
        assert.equal(otherPath.replace(/\/$/, ""), path.replace(/\/$/, ""));
      }),
      { numRuns: 2_000, includeErrorInReport: true },
    );
  });

  test("is relative on the wire too, where parameters match whatever was sent", async () => {
    const here: Koa.Middleware = (ctx) => {
      ctx.body = "here";
    };
    const anything = new App().mount("/:a/:b", new App().use(here));
    anything.mount("/:a", new Koa().use(here));
    await using client = await TestClient.start(anything, { leftovers: false });
    await using attacker = new Attacker(client.url);
    await fc.assert(
      fc.asyncProperty(
        attempts,
        fc.constantFrom("/", "//", "/\\", "/\t/", "/%09/"),
        async (a, start) => {
          const sent = a.targetFrom([
            { at: "", path: `${start}evil.example`, socket: false, guarded: false },
          ]);
          const location = await attacker.locationOf(sent);
          if (location === undefined) return;
          assert.match(location, /^\/(?![/\\])/);
          assert.equal(new URL(location, `${OWN}/a/b`).origin, OWN);
        },
      ),
      { numRuns: 300, ...SLOW },
    );
  });
});
