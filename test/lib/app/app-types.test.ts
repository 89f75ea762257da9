import assert from "node:assert/strict";
import { test } from "node:test";
import Koa from "koa";
import koaSession from "koa-session";
import { App, type Context, type Handler } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { z } from "zod";

interface State {
  visits: number;
}

interface Own {
  user: { name: string };
}

const named = () => new App<State, Own>();

/** What a type is, exactly: `any` is nothing else. */
type Is<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const is = <A, B>(_same: Is<A, B>): void => {};

test("new App<State, Context>() types ctx in use, routes, handlers and the middleware of routes", async () => {
  const app = named();
  app.context.user = { name: "ada" };
  app.use(async (ctx, next) => {
    is<typeof ctx.state.visits, number>(true);
    is<typeof ctx.user, { name: string }>(true);
    is<typeof ctx.mountPath, string>(true);
    ctx.state.visits = 1;
    // @ts-expect-error: the state has no such thing
    ctx.state.visit = 1;
    await next();
  });
  app.router.get("/:id", (ctx) => {
    is<typeof ctx.state.visits, number>(true);
    is<typeof ctx.user.name, string>(true);
    is<typeof ctx.pattern, string | undefined>(true);
    // @ts-expect-error: no middleware has put that there
    ctx.users;
    ctx.body = `${ctx.user.name} ${ctx.state.visits} ${ctx.params.id} ${ctx.pattern}`;
  });
  app.websocket(
    "/:id",
    (ctx, next) => {
      is<typeof ctx.user.name, string>(true);
      ctx.state.visits++;
      return next();
    },
    async (socket, ctx) => {
      is<typeof ctx.state.visits, number>(true);
      is<typeof ctx.params.id, string>(true);
      // @ts-expect-error: no middleware has put that there
      ctx.users;
      await socket.send(`${ctx.user.name} ${ctx.state.visits} ${ctx.params.id}`);
    },
  );
  app.websocket("/bytes/", { messages: "binary" }, (_socket, ctx) => {
    is<typeof ctx.user.name, string>(true);
  });
  app.websocket("/json/", { receive: z.object({ text: z.string() }) }, async (socket, ctx) => {
    is<typeof ctx.state.visits, number>(true);
    for await (const message of socket) is<typeof message, { text: string }>(true);
  });
  await using client = await TestClient.start(new App().mount("/typed", app));
  assert.equal(await (await client.fetch("/typed/7")).text(), "ada 1 7 /typed/:id");
  assert.equal(await (await client.connect("/typed/7")).receive(), "ada 2 7");
});

test("a typed app can be mounted and served like any other app", async () => {
  const app = named();
  const others: Koa[] = [app, new App(), new Koa()];
  const root = new App<{ more: boolean }>().mount("/a", app).mount("/b", new App<State>());
  await using _client = await TestClient.start(root);
  assert.equal(others.length, 3);
});

test("a typed app takes middleware, handlers and contexts without types, and middleware that adds types", () => {
  const app = named();
  const plain: Koa.Middleware = (_ctx, next) => next();
  app.use(plain).use(koaSession({ signed: false }, app));
  app.use<{ more: string }, { session: { id: string } }>((ctx, next) => {
    is<typeof ctx.session.id, string>(true);
    is<typeof ctx.state.more, string>(true);
    is<typeof ctx.state.visits, number>(true);
    return next();
  });
  const handler: Handler<"/:id", "text", State, Own> = (_socket, ctx) => {
    is<typeof ctx.params.id, string>(true);
    is<typeof ctx.user.name, string>(true);
  };
  const untyped: Handler = async () => {};
  app.websocket("/:id", handler).websocket("/", untyped);
  const read = (ctx: Context<string, State, Own>) => ctx.user.name;
  app.use((ctx, next) => {
    read(ctx);
    return next();
  });
  assert.equal(app.middleware.length, 1);
});

test("new App() without types allows any property on ctx", () => {
  const app = new App();
  app.use((ctx, next) => {
    ctx.anything = ctx.state.anything;
    return next();
  });
  app.router.get("/:id", (ctx) => {
    is<typeof ctx.params.id, string | undefined>(true);
    ctx.body = ctx.urlFor("x", { id: ctx.params.id ?? "" });
  });
  app.websocket("/:id", (_socket, ctx) => {
    is<typeof ctx.params.id, string>(true);
    ctx.anything.at.all;
  });
  assert.ok(app instanceof Koa);
});
