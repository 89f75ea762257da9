import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import type { WebSocketRoute } from "playwright-core";
import { ownFolder } from "../../../apps/tasks/support/folder.ts";
import { browsed } from "../../../support/browsed.ts";
import { seesState, withWindows } from "../../windows.ts";
import { choose, puppetFile, resultOf, rowOf, seesTask } from "./task-list.ts";
import { cancelAll, startTasks } from "./task-server.ts";

ownFolder();

const [serving, browser] = await browsed(startTasks, (started) => started.close());

afterEach(() => cancelAll(serving));

test("an event that is none is passed over, and a task without a result is done all the same", async () => {
  await withWindows(browser, async (open) => {
    using it = puppetFile("poem.txt");
    const page = await open("about:blank");
    const sockets: WebSocketRoute[] = [];
    await page.routeWebSocket(/\/tasks\/$/, (socket) => {
      sockets.push(socket);
    });
    // The state that is asked for is the server's own, without what it counted.
    await page.route(/\/tasks\/[\w-]{22}$/, async (route) => {
      const response = await route.fetch();
      const { result, ...state } = (await response.json()) as Record<string, unknown>;
      await route.fulfill({ response, json: state });
      assert.ok(state.status !== "succeeded" || result !== undefined);
    });
    await page.goto(`${serving.url}#tasks`);
    await seesState(page, "Connected to /tasks/");
    const answered = page.waitForResponse(/\/tasks\/wordcount$/);
    await choose(page, it.file);
    const { id } = (await (await answered).json()) as { id: string };
    await it.puppet.ready;
    it.puppet.do({ progress: 0.5 });
    const odd = ["", "no JSON", "null", "7", '{"type":"pong"}', `{"id":"${id}"}`];
    for (const event of odd) sockets[0]?.send(event);
    sockets[0]?.send(JSON.stringify({ id, status: "running", progress: 0.5, position: null }));
    const position = { epoch: "played", offset: 1 };
    sockets[0]?.send(JSON.stringify({ id, status: "succeeded", progress: 1, position }));
    await seesTask(page, "poem.txt", "Done");
    assert.equal(await rowOf(page, "poem.txt").locator(".result").isVisible(), false);
    it.puppet.do({ succeed: resultOf(1) });
  });
});
