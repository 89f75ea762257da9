import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { App, type Connection, createLog, type Handler } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { until } from "../../support/within.ts";

interface Line {
  readonly level: number;
  readonly event?: string;
  readonly path?: string;
  readonly behind?: number;
  readonly msg: string;
}

const [DEBUG, WARN] = [20, 40];

/** A served handler, and what the log says of it. */
async function logged(
  handler: Handler,
  options: object = {},
): Promise<{ client: TestClient; lines: () => Line[] }> {
  const written: string[] = [];
  const destination = { write: (line: string) => void written.push(line) };
  const log = createLog({ level: "debug", destination });
  const app = new App().mount("/ws", new App().websocket("/", options, handler));
  const client = await TestClient.start(app, { log });
  return { client, lines: () => written.map((line) => JSON.parse(line) as Line) };
}

test("a client that is cut off for being slow is called so, with the bytes it is behind", async () => {
  const { client, lines } = await logged(
    async (socket) => {
      while (socket.open) void socket.send("x".repeat(10_000));
    },
    { maxBufferedBytes: 100_000 },
  );
  const peer = await client.connect("/ws/");
  assert.equal((await peer.closed()).code, 1013);
  await client.close();
  const slow = lines().filter(({ event }) => event === "slow");
  assert.equal(slow.length, 1);
  const [{ level, path, behind = 0, msg } = {} as Line] = slow;
  assert.deepEqual([level, path], [WARN, "/ws/"]);
  assert.ok(behind > 100_000 && behind < 120_000, `${behind}`);
  assert.match(msg, new RegExp(`"WebSocket /ws/" \\[slow: cut off, ${behind} bytes behind\\]$`));
});

describe("a handler that returns while something still reads", () => {
  const read = async (socket: Connection) => {
    for await (const text of socket) await socket.send(text);
  };

  const left: [string, Handler, boolean][] = [
    ["its loop, which it does not await, is told so", (socket) => void read(socket), true],
    [
      "a receive that it does not await is told so",
      async (socket) => {
        void socket.receive();
        await turn();
      },
      true,
    ],
    ["nothing is told nothing", () => {}, false],
    ["a loop that it awaits is told nothing", read, false],
    [
      "a loop that it has left is told nothing",
      async (socket) => {
        for await (const _ of socket) break;
      },
      false,
    ],
    [
      "the end of the connection is told nothing",
      async (socket) => {
        void read(socket);
        await socket.closed;
      },
      false,
    ],
  ];
  for (const [what, handler, isTold] of left) {
    test(`${what}, at level debug`, async () => {
      const { client, lines } = await logged(handler);
      const peer = await client.connect("/ws/");
      peer.send("x");
      if (!isTold) peer.ws.close(1000);
      assert.equal((await peer.closed()).code, 1000);
      await until(() => client.serving.upgrades.live.size === 0, "the handler to end");
      await client.close();
      const told = lines().filter(({ event }) => event === "reader-left");
      assert.deepEqual(
        told.map(({ level, path }) => [level, path]),
        isTold ? [[DEBUG, "/ws/"]] : [],
      );
      if (isTold) assert.match(told[0]?.msg ?? "", /returned while its messages were still read/);
    });
  }
});
