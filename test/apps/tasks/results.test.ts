import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { createTasks, type TasksOptions } from "../../../apps/tasks/index.ts";
import * as ourKinds from "../../../apps/tasks/kinds/index.ts";
import { follow, stateOf, submit } from "./support/client.ts";
import { ownFolder } from "./support/folder.ts";
import * as testKinds from "./support/kinds.ts";
import { play } from "./support/puppet.ts";
import { Visitor } from "./support/visitor.ts";

ownFolder();

function app(options: TasksOptions = {}): App {
  return new App().mount("/tasks", createTasks({ kinds: testKinds, threads: 1, ...options }));
}

async function listOf(visitor: Visitor): Promise<Record<string, unknown>[]> {
  const response = await visitor.fetch("/tasks/");
  assert.equal(response.status, 200);
  return ((await response.json()) as { tasks: Record<string, unknown>[] }).tasks;
}

describe("the result of a task", () => {
  test("of a thousand long words is too long: the task fails, and says so", async () => {
    await using client = await TestClient.start(app({ kinds: ourKinds }));
    const visitor = await Visitor.come(client);
    const words = Array.from({ length: 40 }, (_, i) => String.fromCharCode(97 + i).repeat(100_000));
    const { id } = await submit(visitor, "wordcount?top=1000", words.join(" "));
    const { status, error, result } = await (await follow(visitor, id)).end();
    assert.deepEqual([status, result], ["failed", undefined]);
    assert.match(error ?? "", /^expected a result of at most 262144 bytes, but it has [23]\d{6};/);
    assert.equal((await listOf(visitor))[0]?.status, "failed");
  });

  test("may be as long as the option says, in bytes of its JSON, and no longer", async () => {
    const bytes = 1_000;
    await using client = await TestClient.start(app({ maxResultBytes: bytes }));
    for (const [length, status] of [
      [bytes - 2, "succeeded"],
      [bytes - 1, "failed"],
    ] as const) {
      for (const letter of ["x", "ä"]) {
        using played = await play(client);
        await played.puppet.ready;
        played.puppet.do({ succeed: letter.repeat(length / Buffer.byteLength(letter)) });
        // An odd number of bytes leaves room for half a letter.
        const expected = letter === "ä" ? "succeeded" : status;
        assert.equal((await played.follower.end()).status, expected, `${letter} ${length}`);
      }
    }
  });

  test("is told to those who follow and those who ask, and is in no list", async () => {
    await using client = await TestClient.start(app());
    const visitor = await Visitor.come(client);
    using played = await play(visitor);
    await played.puppet.ready;
    const result = { 'a "quoted" key': [1, "😀", null] };
    played.puppet.do({ succeed: result });
    const last = await played.follower.end();
    assert.deepEqual(last.result, result);
    assert.deepEqual(await stateOf(client, played.task.id), last);
    const { result: _, ...rest } = last;
    assert.deepEqual(await listOf(visitor), [rest]);
  });

  test("leaves notes and errors bounded too", async () => {
    await using client = await TestClient.start(app());
    using played = await play(client);
    await played.puppet.ready;
    played.puppet.do({ progress: 0.5, note: "n".repeat(100_000) });
    const { note } = await played.follower.until((message) => message.note !== undefined);
    assert.equal(note, `${"n".repeat(1_000)}…`);
    played.puppet.do({ fail: "e".repeat(100_000) });
    assert.equal((await played.follower.end()).error, `${"e".repeat(1_000)}…`);
  });
});

describe("the options of tasks", () => {
  const unfit: [object, RegExp][] = [
    [{ maxResultByte: 1 }, /maxResultByte"/],
    [{ maxResultBytes: 0 }, /maxResultBytes: /],
    [{ maxResultsBytes: Number.NaN }, /maxResultsBytes: /],
    [{ maxResultsBytes: 1_000 }, /maxResultsBytes: expected at least three times maxResultBytes/],
    [{ maxInputsBytes: 1_000 }, /maxInputsBytes: expected at least maxInputBytes/],
    [{ maxUploadsPerClient: 1.5 }, /maxUploadsPerClient: /],
    [{ maxWaiting: -1 }, /maxWaiting: /],
    [{ threads: 0 }, /threads: /],
    [{ workerMemoryMb: "1" }, /workerMemoryMb: /],
  ];
  for (const [options, message] of unfit) {
    test(`are refused when they cannot be meant: ${JSON.stringify(options)}`, () => {
      assert.throws(
        () => createTasks(options as TasksOptions),
        (error: Error) => {
          assert.ok(error instanceof TypeError);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }
});
