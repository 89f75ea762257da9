import assert from "node:assert/strict";
import { constants } from "node:buffer";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { z } from "zod";
import { Inbox } from "../../../lib/connection/inbox.ts";
import { Intake } from "../../../lib/connection/intake.ts";
import { connectionLimits } from "../../../lib/connection/options.ts";
import { frame, handshake, Wire } from "../../support/wire.ts";

const receive = z.object({ n: z.number() });
const say = (n: number) => frame(1, JSON.stringify({ n }));
const BAD = frame(1, "{}");

/** A route that answers each message after a while, and each misfit with "bad". */
function slow(options: object = {}): App {
  const invalid = () => "bad";
  return new App().websocket("/", { receive, invalid, ...options }, async (socket) => {
    for await (const { n } of socket) {
      for (let i = 0; i < 5; i++) await turn();
      await socket.sendJson(n);
    }
  });
}

async function answersTo(app: App, ...sent: Buffer[]): Promise<unknown[]> {
  await using client = await TestClient.start(app);
  await using wire = await Wire.connect(client.url);
  wire.write(handshake("/"), ...sent, frame(8, Buffer.from([3, 232])));
  await wire.head();
  const answers: unknown[] = [];
  for (;;) {
    const { opcode, payload } = await wire.frame();
    if (opcode === 8) return answers;
    answers.push(JSON.parse(payload.toString()));
  }
}

describe("the answer to a message that does not fit", () => {
  test("comes after the answers to those before it, and before those to later ones", async () => {
    assert.deepEqual(await answersTo(slow(), say(1), say(2), BAD, say(3)), [1, 2, "bad", 3]);
  });

  test("comes wherever it stands: first, last, alone, several in a row", async () => {
    const all = [BAD, say(1), BAD, BAD, say(2), BAD];
    const expected = ["bad", 1, "bad", "bad", 2, "bad"];
    assert.deepEqual(await answersTo(slow(), ...all), expected);
    assert.deepEqual(await answersTo(slow({ queueMessages: 1 }), ...all), expected);
    assert.deepEqual(await answersTo(slow(), BAD), ["bad"]);
  });

  test("waits for none that a handler does not read, because it awaits the end", async () => {
    const options = { receive, invalid: () => "bad" };
    const app = new App().websocket("/", options, async (socket) => void (await socket.closed));
    assert.deepEqual(await answersTo(app, say(1), BAD), ["bad"]);
  });

  test("counts in the queue: a client whose misfits are not answered has to wait", async () => {
    const full: boolean[] = [];
    const inbox = new Inbox<number>(3, { unread: (is) => full.push(is) });
    const done: string[] = [];
    inbox.push(1);
    for (const name of ["a", "b", "c"]) inbox.pushAside(() => done.push(name));
    assert.deepEqual([full, done], [[true], []]);
    assert.equal((await inbox.next()).value, 1);
    assert.deepEqual(done, []);
    const next = inbox.next();
    assert.deepEqual(
      [full, done],
      [
        [true, false],
        ["a", "b", "c"],
      ],
    );
    inbox.push(2);
    assert.equal((await next).value, 2);
  });
});

test("a text that is longer than a string can be closes 1009, for bytes it may be", () => {
  const closed: [number, string][] = [];
  const inbox = new Inbox<unknown>(9, { unread() {} });
  const connection = {
    send() {},
    finish: (code: number, reason: string) => closed.push([code, reason]),
    fail() {},
  };
  const limits = connectionLimits({ messages: "both", maxMessageBytes: 2 ** 31 - 1 });
  const liveness = { heard() {} };
  const intake = new Intake(limits, inbox, liveness as never, connection);
  const long = { length: constants.MAX_STRING_LENGTH + 1, toString: () => assert.fail("too long") };
  intake.take("message", long as never, true);
  assert.deepEqual([inbox.size, closed], [1, []]);
  intake.take("message", long as never, false);
  assert.deepEqual([inbox.size, closed.map(([code]) => code)], [1, [1009]]);
});
