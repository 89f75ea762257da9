import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocket } from "ws";
import { browsedApp } from "../../../support/browsed.ts";
import { within } from "../../../support/within.ts";
import { enterRoom, seesTalk, withWindows } from "../../windows.ts";

const MESSAGES = 10_000;
/** A connection may say this many at once. */
const BURST = 500;
const MEASURED = 60;
const LINES = 500;

const [app, browser] = await browsedApp();

test("with 10,000 messages in the room the page is as quick as ever, and its list is bounded", async (t) => {
  await withWindows(browser, async (open) => {
    const page = await enterRoom(open, app.url, "ann");
    for (let from = 1; from <= MESSAGES; from += BURST) await sayBurst(from);
    const expected = numbers(MESSAGES - LINES + 1, MESSAGES);
    await seesTalk(
      page,
      expected.map((number) => `bob: number ${number}`),
    );

    const times = await page.evaluate<Times[]>(`(${MEASURE})(${MEASURED})`);
    for (const key of ["painted", "sent"] as const) {
      const sorted = times.map((time) => time[key]).sort((a, b) => a - b);
      const [median, max] = [sorted[sorted.length >> 1] ?? 0, sorted.at(-1) ?? 0];
      t.diagnostic(`${key}: median ${median.toFixed(1)} ms, max ${max.toFixed(1)} ms`);
    }
    assert.equal(await page.locator("#messages > li").count(), LINES);
    const mine = await page.locator("#messages > li[data-state=sent]").count();
    assert.equal(mine, MEASURED);

    const late = await enterRoom(open, app.url, "carl");
    await late.getByText(`measured ${MEASURED - 1}`, { exact: true }).waitFor();
    assert.equal(await late.locator("#messages > li").count(), LINES);
  });
});

interface Times {
  /** From the key to the frame that shows the message. */
  painted: number;
  /** From the key to the frame that shows it as sent. */
  sent: number;
}

// In the page: types a text, submits it as the key does, and marks when it shows and is sent.
const MEASURE = `async (count) => {
  const input = document.querySelector("#messageText");
  const list = document.querySelector("#messages");
  // What is found in a frame is painted when that frame's callbacks are followed by a task.
  const until = (found) => new Promise((resolve) => {
    const look = () => requestAnimationFrame(() => (found() ? setTimeout(resolve) : look()));
    look();
  });
  const times = [];
  for (let index = 0; index < count; index++) {
    const text = "measured " + index;
    await until(() => true);
    performance.mark("key");
    input.value = text;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.form.requestSubmit();
    const line = () => [list.lastElementChild].find((it) => it.querySelector(".text")?.textContent === text);
    await until(line);
    const painted = performance.measure("painted", "key").duration;
    await until(() => line()?.dataset.state === "sent");
    times.push({ painted, sent: performance.measure("sent", "key").duration });
  }
  return times;
}`;

/** Bob comes, says five hundred numbered messages as fast as a client may, and leaves. */
async function sayBurst(from: number): Promise<void> {
  const socket = new WebSocket(`${app.url.replace("http", "ws")}chat/fox/bob`, ["chat.v1"]);
  const acknowledged = new Promise<void>((resolve, reject) => {
    let open = BURST;
    socket.on("error", reject);
    socket.on("close", (code) => reject(new Error(`closed ${code}`)));
    socket.on("message", (data) => {
      const { type } = JSON.parse(data.toString());
      if (type === "ack" && --open === 0) resolve();
    });
    socket.on("open", () => {
      for (const number of numbers(from, from + BURST - 1)) {
        const text = `number ${number}`;
        socket.send(JSON.stringify({ type: "say", id: text, text }));
      }
    });
  });
  try {
    await within(acknowledged, "an acknowledgement of each message");
  } finally {
    socket.terminate();
  }
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
