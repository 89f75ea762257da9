import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Position } from "../../../../lib/broker/broker.ts";
import { PlainClient } from "../../../support/plain-client.ts";
import { Program } from "../../../support/program.ts";
import { RedisServer } from "../../../support/redis.ts";
import { ROOT } from "../../../support/snippets.ts";
import { within } from "../../../support/within.ts";

const SLOW_MS = 60_000;

interface Welcome {
  readonly position: Position;
  readonly recovered: boolean | null;
}

interface Message {
  readonly offset?: number;
  readonly data: string;
}

/** A member of a room, in whichever process. */
class Visitor implements AsyncDisposable {
  readonly #client: PlainClient;
  readonly #unread: Message[] = [];

  private constructor(client: PlainClient) {
    this.#client = client;
  }

  static async enter(url: string | undefined, room: string, since?: Position) {
    assert.ok(url, "a process to enter");
    const query = since ? `?epoch=${since.epoch}&offset=${since.offset}` : "";
    const visitor = new Visitor(await PlainClient.connect(url, `/${room}${query}`));
    return { visitor, welcome: await visitor.welcome() };
  }

  say(text: string): void {
    this.#client.send(text);
  }

  /** The next welcome; messages before it wait to be received. */
  async welcome(): Promise<Welcome> {
    for (;;) {
      const message = await this.#next();
      if ("position" in message) return message;
      this.#unread.push(message);
    }
  }

  /** So many messages, with a welcome in between as an error. */
  async receive(count: number): Promise<Message[]> {
    const messages = this.#unread.splice(0, count);
    while (messages.length < count) {
      const message = await this.#next();
      assert.ok("data" in message, `expected a message, but got ${JSON.stringify(message)}`);
      messages.push(message);
    }
    return messages;
  }

  async #next(): Promise<Message | Welcome> {
    return JSON.parse(await this.#client.receive());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }
}

let server: RedisServer;
let programs: Program[] = [];
let urls: string[] = [];

before(async () => {
  server = await RedisServer.start();
  const command = "exec node --import tsx test/support/redis-room.ts";
  const options = { cwd: ROOT, env: { REDIS: server.url, PORT: "0" } };
  programs = [new Program(command, options), new Program(command, options)];
  urls = await Promise.all(programs.map((each) => each.prints(/http:\/\/127\.0\.0\.1:\d+\//)));
});

after(async () => {
  for (const program of programs) await program[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

test("members in two processes get the messages of both in one order", async () => {
  const { visitor: one } = await Visitor.enter(urls[0], "order");
  const { visitor: two } = await Visitor.enter(urls[1], "order");
  await using _one = one;
  await using _two = two;
  for (let i = 0; i < 50; i++) {
    one.say(`one ${i}`);
    two.say(`two ${i}`);
  }
  const [first, second] = await within(
    Promise.all([one.receive(100), two.receive(100)]),
    "all messages in both processes",
    SLOW_MS,
  );
  assert.deepEqual(first, second);
  assert.deepEqual(
    first.map(({ offset }) => offset),
    Array.from({ length: 100 }, (_, i) => i + 1),
  );
  // What one connection says keeps its order.
  const said = first.map(({ data }) => data).filter((text) => text.startsWith("one"));
  assert.deepEqual(
    said,
    Array.from({ length: 50 }, (_, i) => `one ${i}`),
  );
  one.say("signal hello");
  assert.deepEqual(await two.receive(1), [{ data: "signal hello" }]);
});

test("a client that returns to another process gets what it has missed, once", async () => {
  const { visitor: leaving, welcome } = await Visitor.enter(urls[0], "resume");
  const { visitor: staying } = await Visitor.enter(urls[1], "resume");
  await using _staying = staying;
  leaving.say("a");
  await Promise.all([leaving.receive(1), staying.receive(1)]);
  await leaving[Symbol.asyncDispose]();
  for (const text of ["b", "c", "d"]) staying.say(text);
  await staying.receive(3);
  const since = { epoch: welcome.position.epoch, offset: 1 };
  const { visitor: back, welcome: again } = await Visitor.enter(urls[1], "resume", since);
  await using _back = back;
  assert.deepEqual(again, { position: since, recovered: true });
  staying.say("e");
  assert.deepEqual(
    (await back.receive(4)).map(({ offset, data }) => [offset, data]),
    [
      [2, "b"],
      [3, "c"],
      [4, "d"],
      [5, "e"],
    ],
  );
});

test("a Redis that loses its data begins a new epoch, and members in both processes are told", async () => {
  const { visitor: one, welcome } = await Visitor.enter(urls[0], "restart");
  const { visitor: two } = await Visitor.enter(urls[1], "restart");
  await using _one = one;
  await using _two = two;
  one.say("before");
  await Promise.all([one.receive(1), two.receive(1)]);
  await server.down("SIGKILL");
  await server.up();
  const told = await within(
    Promise.all([one.welcome(), two.welcome()]),
    "both to be welcomed again",
    SLOW_MS,
  );
  for (const { position, recovered } of told) {
    assert.equal(recovered, false);
    assert.notEqual(position.epoch, welcome.position.epoch);
  }
  assert.equal(told[0].position.epoch, told[1].position.epoch);
  two.say("after");
  assert.deepEqual(await Promise.all([one.receive(1), two.receive(1)]), [
    [{ offset: 1, data: "after" }],
    [{ offset: 1, data: "after" }],
  ]);
  // A client with a position of the epoch before is told as well.
  const since = { epoch: welcome.position.epoch, offset: 1 };
  const { visitor: back, welcome: again } = await Visitor.enter(urls[0], "restart", since);
  await using _back = back;
  assert.equal(again.recovered, false);
  assert.deepEqual(await back.receive(1), [{ offset: 1, data: "after" }]);
});

test("a process that is killed takes nothing with it from the members of the other", async () => {
  const { visitor: one, welcome } = await Visitor.enter(urls[0], "killed");
  const { visitor: two } = await Visitor.enter(urls[1], "killed");
  await using _two = two;
  for (let i = 0; i < 20; i++) one.say(`m${i}`);
  const before = await one.receive(20);
  for (let i = 20; i < 40; i++) one.say(`m${i}`);
  programs[0]?.signal("SIGKILL");
  await programs[0]?.ends();
  // What the killed process had published is there, without a gap and without a repetition.
  assert.deepEqual(await two.receive(20), before);
  two.say("still here");
  const rest: Message[] = [];
  while (rest.at(-1)?.data !== "still here") rest.push(...(await two.receive(1)));
  const texts = rest.slice(0, -1).map(({ data }) => data);
  assert.deepEqual(
    texts,
    texts.map((_, i) => `m${20 + i}`),
  );
  assert.deepEqual(
    rest.map(({ offset }) => offset),
    rest.map((_, i) => 21 + i),
  );
  // Its client comes back to the other process.
  const since = { epoch: welcome.position.epoch, offset: 20 };
  const { visitor: back, welcome: again } = await Visitor.enter(urls[1], "killed", since);
  await using _back = back;
  assert.equal(again.recovered, true);
  assert.deepEqual(await back.receive(rest.length), rest);
});
