import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { App, createLog, Hub, serve } from "koa-subapps";
import { WebSocket } from "ws";
import { createChat } from "../../../../apps/chat/index.ts";
import { fromServer } from "../../../../apps/chat/protocol.ts";
import { Rooms } from "../../../../apps/chat/room.ts";
import { site } from "../../../../apps/site/index.ts";
import { browsed } from "../../../support/browsed.ts";
import { until } from "../../../support/within.ts";
import { enterRoom, seesMembers, withWindows } from "../../windows.ts";

const PROTOCOL = new URL("../../../../apps/chat/PROTOCOL.md", import.meta.url);

const [serving, browser] = await browsed(
  () => {
    const rooms = new Rooms(new Hub(), { large: 1, everyMs: 1_000 });
    const app = new App().mount("/chat", createChat(rooms)).mount("/", site);
    return serve(app, { port: 0, graceSeconds: 2, log: createLog({ level: "silent" }) });
  },
  (started) => started.close(),
);

test("the list of members follows changes that the server tells together", async () => {
  const sockets: WebSocket[] = [];
  try {
    await withWindows(browser, async (open) => {
      const page = await open("about:blank", { clientId: "me" });
      let together = 0;
      page.on("websocket", (socket) =>
        socket.on("framereceived", ({ payload }) => {
          if (JSON.parse(payload.toString()).type === "presence") together += 1;
        }),
      );
      await page.goto(`${serving.url}#room/fox`);
      await seesMembers(page, ["me"]);
      for (const id of ["ann", "bob", "cat", "dan"]) {
        const url = `${serving.url.replace("http", "ws")}chat/fox/${id}`;
        const socket = new WebSocket(url, "chat.v1");
        sockets.push(socket);
        await once(socket, "open");
      }
      await seesMembers(page, ["me", "ann", "bob", "cat", "dan"]);
      for (const socket of sockets.slice(1, 3)) socket.close();
      await seesMembers(page, ["me", "ann", "dan"]);
      await until(() => together > 0, "changes told together");
    });
  } finally {
    for (const socket of sockets) socket.terminate();
  }
});

test("the page can read every message of the server that the protocol has", async () => {
  const text = await readFile(PROTOCOL, "utf8");
  const types = fromServer.options.map(({ shape }) => shape.type.value);
  const examples = [...text.matchAll(/^```json\n(\{.*\})\n```$/gm)]
    .map(([, json = ""]) => json)
    .filter((json) => fromServer.safeParse(JSON.parse(json)).success);
  const shown = new Set(examples.map((json) => JSON.parse(json).type));
  assert.deepEqual([...shown].sort(), types.sort());
  await withWindows(browser, async (open) => {
    const page = await enterRoom(open, serving.url, "reader");
    const unread = await page.evaluate<string[]>(`(async () => {
      const { readMessage } = await import("./views/chat/chat-v1.js");
      return ${JSON.stringify(examples)}.filter((json) => readMessage(json) === undefined);
    })()`);
    assert.deepEqual(unread, []);
  });
});
