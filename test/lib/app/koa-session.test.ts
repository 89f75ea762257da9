import assert from "node:assert/strict";
import { describe, test } from "node:test";
import koaSession from "koa-session";
import { App, type Context } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";

/** What koa-session puts on a context. */
type WithSession = Context & { session: Record<string, unknown> | null };

/** A store of sessions, as koa-session takes one. */
class Store {
  readonly kept = new Map<string, unknown>();
  get = async (id: string) => this.kept.get(id);
  set = async (id: string, session: unknown) => void this.kept.set(id, session);
  destroy = async (id: string) => void this.kept.delete(id);
}

/** Answers every GET with the session it sees, after counting the visit in it. */
function counting(options: { keys?: string[] } = {}): App {
  const app = new App(options);
  app.router.get("/{*any}", (ctx) => {
    const session = (ctx as unknown as WithSession).session ?? {};
    session.visits = Number(session.visits ?? 0) + 1;
    ctx.body = session;
  });
  return app;
}

/** A browser's jar of cookies, for one client. */
class Browser {
  readonly cookies = new Map<string, string>();
  readonly #client: TestClient;

  constructor(client: TestClient) {
    this.#client = client;
  }

  get headers(): Record<string, string> {
    return { Cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ") };
  }

  async get(path: string): Promise<unknown> {
    const response = await this.#client.fetch(path, { headers: this.headers });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      this.cookies.set(name, value);
    }
    return response.json();
  }
}

describe("a sub-app with a koa-session of its own", () => {
  for (const stored of [false, true]) {
    const where = stored ? "in stores" : "in cookies";
    test(`lives beside the parent's, ${where}: cookies, keys and sessions of both are kept apart`, async () => {
      const stores = { root: new Store(), shop: new Store() };
      const root = counting({ keys: ["the root's"] });
      const shop = counting({ keys: ["the shop's"] });
      const inner = counting();
      root.use(koaSession({ key: "root", ...(stored && { store: stores.root }) }, root));
      root.use((ctx, next) => {
        const { session } = ctx as unknown as WithSession;
        if (session) session.user = "ada";
        return next();
      });
      shop.use(koaSession({ key: "shop", ...(stored && { store: stores.shop }) }, shop));
      root.mount("/shop", shop.mount("/inner", inner));
      await using client = await TestClient.start(root);
      const browser = new Browser(client);
      assert.deepEqual(await browser.get("/"), { user: "ada", visits: 1 });
      assert.deepEqual(await browser.get("/shop/"), { visits: 1 });
      assert.deepEqual(await browser.get("/shop/inner/"), { visits: 2 }, "the nearest one's");
      assert.deepEqual(await browser.get("/shop/"), { visits: 3 });
      assert.deepEqual(await browser.get("/"), { user: "ada", visits: 2 });
      assert.deepEqual([...browser.cookies.keys()].sort(), [
        "root",
        "root.sig",
        "shop",
        "shop.sig",
      ]);
      assert.deepEqual([stores.root.kept.size, stores.shop.kept.size], stored ? [1, 1] : [0, 0]);
      browser.cookies.set("shop.sig", browser.cookies.get("root.sig") ?? "");
      assert.deepEqual(await browser.get("/shop/"), { visits: 1 }, "a signature of its own keys");
    });
  }

  test("reads its own session in the handler of a WebSocket, although the parent has a session too", async () => {
    const root = counting({ keys: ["the root's"] });
    const shop = counting({ keys: ["the shop's"] });
    root.use(koaSession({ key: "root" }, root));
    shop.use(koaSession({ key: "shop" }, shop));
    const tell = async (socket: { send(text: string): Promise<boolean> }, ctx: Context) => {
      await socket.send(JSON.stringify((ctx as WithSession).session));
    };
    root.websocket("/live", tell).mount("/shop", shop.websocket("/live", tell));
    await using client = await TestClient.start(root);
    const browser = new Browser(client);
    await browser.get("/");
    for (const _ of [1, 2]) await browser.get("/shop/");
    const { headers } = browser;
    const seen = async (path: string) => (await client.connect(path, { headers })).receiveJson();
    assert.deepEqual(await seen("/live"), { visits: 1 });
    assert.deepEqual(await seen("/shop/live"), { visits: 2 });
  });

  test("sees all else that the parent put there, under symbols too", async () => {
    const USER = Symbol("user");
    const root = counting({ keys: ["the root's"] });
    const shop = counting({ keys: ["the shop's"] });
    root.use(koaSession({ key: "root" }, root));
    root.use((ctx, next) => {
      Object.assign(ctx, { [USER]: "ada" });
      return next();
    });
    shop.use(koaSession({ key: "shop" }, shop));
    shop.use((ctx) => {
      ctx.body = [(ctx as unknown as Record<symbol, string>)[USER]];
    });
    await using client = await TestClient.start(root.mount("/shop", shop));
    assert.deepEqual(await (await client.fetch("/shop/")).json(), ["ada"]);
  });
});

test("an addition of a sub-app that remembers its value does not find the parent's", async () => {
  const remembering = (what: string): App => {
    const app = new App();
    Object.defineProperty(app.context, "user", {
      get(this: { _user?: string }) {
        this._user ??= what;
        return this._user;
      },
    });
    app.use(async (ctx, next) => {
      const { user } = ctx as unknown as { user: string };
      await next();
      ctx.body = `${user} ${typeof ctx.body === "string" ? ctx.body : ""}`.trim();
    });
    return app;
  };
  const root = remembering("root's").mount("/sub", remembering("sub's"));
  await using client = await TestClient.start(root);
  assert.equal(await (await client.fetch("/sub/")).text(), "root's sub's");
});
