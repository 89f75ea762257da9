import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { App } from "koa-subapps";
import { TestClient, type TestSocket } from "koa-subapps/testing";
import { echo } from "../../apps/echo/index.ts";
import { handshake, Wire } from "../support/wire.ts";
import { aroundThe101 } from "./frames/around-the-101.ts";
import { type Answer, type Attack, closing } from "./frames/attack.ts";
import { control } from "./frames/control.ts";
import { fragments } from "./frames/fragments.ts";
import { heads } from "./frames/heads.ts";
import { text } from "./frames/text.ts";

const attacks = { heads, control, text, fragments };

/** Above the five seconds that a client has for its half of a close. */
const CLOSE_MS = 20_000;
const SETTLE_MS = 10_000;

const errors: unknown[] = [];
let client: TestClient;
let bystander: TestSocket;
/** How the server saw each connection end, by the client's address. */
const ended = new Map<string, number[]>();
/** How many connections an address has had: the system gives a port again that is free. */
const begun = new Map<string, number>();
let tried = 0;

before(async () => {
  const app = new App();
  app.on("error", (error) => errors.push(error));
  app.router.register("/hello", ["GET", "POST"], (ctx) => {
    ctx.body = "hello";
  });
  app.mount("/ws", echo);
  client = await TestClient.start(app);
  client.serving.upgrades.on("accepted", ({ client: peer }) => {
    begun.set(peer, (begun.get(peer) ?? 0) + 1);
  });
  client.serving.upgrades.on("closed", ({ client: peer }, { code }) => {
    ended.set(peer, [...(ended.get(peer) ?? []), code]);
  });
  bystander = await client.connect("/ws/");
});

after(() => client.close());

// A port may have been an earlier client's: all that it has begun have ended.
function hasEnded(peer: string): boolean {
  return ended.get(peer)?.length === begun.get(peer);
}

for (const [name, each] of Object.entries(attacks)) {
  describe(`frames that attack: ${name}`, () => {
    for (const attack of each) test(attack.title, () => isRight(attack));
  });
}

describe("sequences around the 101", () => {
  for (const { title, run } of aroundThe101) {
    test(title, async () => {
      await using wire = await Wire.connect(client.url);
      await run(wire);
      await nobodyElseNotices();
    });
  }
});

describe("a client that does not do its half of the close is cut off", {
  concurrency: true,
}, () => {
  const stubborn: [title: string, bytes: Buffer, code: number][] = [
    ["after its protocol error", Buffer.from([0xff, 0xff]), 1002],
    [
      "after the server's close frame, which it does not answer",
      Buffer.from([0x82, 0x80, 0, 0, 0, 0]),
      1003,
    ],
    ["after a close handshake, when it keeps its half of TCP open", closing(1000), 1000],
  ];
  for (const [title, bytes, code] of stubborn) {
    test(title, async () => {
      tried++;
      await using wire = await opened(true);
      wire.write(bytes);
      assert.equal((await closeFrame(wire)).code, code);
      await until(() => hasEnded(addressOf(wire)), CLOSE_MS, "the server to let go");
      // What is sent to a socket that is gone comes back as a reset.
      const isReset = () => wire.socket.closed || !wire.socket.write("x");
      await until(isReset, SETTLE_MS, "a reset");
    });
  }
});

test("at least 150 sequences were tried, none was an error of the server, and nothing is left", async () => {
  assert.ok(tried >= 150, `expected at least 150 sequences, but there are ${tried}`);
  assert.deepEqual(errors, []);
  await bystander.close();
  await until(() => client.serving.upgrades.live.size === 0, SETTLE_MS, "the last handler to end");
  for (const [peer, count] of begun) {
    assert.equal(ended.get(peer)?.length, count, `${peer} ended ${ended.get(peer)}`);
  }
  const connections = () =>
    new Promise((resolve) => client.serving.server.getConnections((_, count) => resolve(count)));
  assert.equal(await connections(), 0);
});

async function isRight(attack: Attack): Promise<void> {
  await using wire = await opened();
  const peer = addressOf(wire);
  for (const bytes of attack.sends) {
    wire.write(bytes);
    // Given to the network before the next one, so that each is a segment.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (attack.leaves === "rst") wire.socket.resetAndDestroy();
  if (attack.leaves === "fin") wire.socket.end();
  if (attack.closes) {
    const answers: Answer[] = [];
    while (answers.length < (attack.answers?.length ?? 0)) answers.push(await answer(wire));
    assert.deepEqual(answers, attack.answers);
    wire.write(closing(1000));
  }
  const end =
    attack.close === 1006 ? await withoutCloseFrame(wire, attack) : await closeFrame(wire);
  assert.equal(end.code, attack.close);
  if (attack.answers && !attack.closes) assert.deepEqual(end.before, attack.answers);
  if (attack.replies) wire.write(closing(end.code));
  if (attack.leaves !== "rst") await wire.end();
  assert.equal(wire.buffer.length, 0, "expected nothing after the close frame");
  await until(() => hasEnded(peer), SETTLE_MS, "the server to see the end");
  await nobodyElseNotices();
}

async function opened(allowHalfOpen = false): Promise<Wire> {
  const wire = await Wire.connect(client.url, allowHalfOpen);
  wire.socket.setNoDelay(true);
  wire.write(handshake("/ws/"));
  assert.equal((await wire.head()).status, 101);
  return wire;
}

interface End {
  readonly before: Answer[];
  readonly code: number;
}

async function closeFrame(wire: Wire): Promise<End> {
  const before: Answer[] = [];
  for (;;) {
    const { fin, opcode, payload } = await wire.frame();
    assert.ok(fin, "expected a whole frame");
    if (opcode === 8) return { before, code: payload.length ? payload.readUInt16BE(0) : 1005 };
    before.push({ opcode, payload: payload.toString() });
  }
}

async function withoutCloseFrame(wire: Wire, { leaves }: Attack): Promise<End> {
  if (leaves !== "rst") await wire.end();
  const before: Answer[] = [];
  // A reset may cut the last frame short.
  while (wire.buffer.length > 0) {
    const next = await answer(wire).catch(() => undefined);
    if (!next) break;
    assert.notEqual(next.opcode, 8, "expected no close frame");
    before.push(next);
  }
  wire.buffer = Buffer.alloc(0);
  return { before, code: 1006 };
}

async function answer(wire: Wire): Promise<Answer> {
  const { opcode, payload } = await wire.frame();
  return { opcode, payload: payload.toString() };
}

/** The bystander is still answered, and apart from it the server holds nothing. */
async function nobodyElseNotices(): Promise<void> {
  tried++;
  bystander.send(`still here ${tried}`);
  assert.equal(await bystander.receive(), `Message text was: still here ${tried}`);
  await until(() => client.serving.upgrades.live.size === 1, SETTLE_MS, "the handler to end");
}

function addressOf(wire: Wire): string {
  return `${wire.socket.localAddress}:${wire.socket.localPort}`;
}

async function until(condition: () => boolean, ms: number, what: string): Promise<void> {
  const deadline = performance.now() + ms;
  while (!condition()) {
    assert.ok(performance.now() < deadline, `expected ${what} within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
