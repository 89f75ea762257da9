// Autobahn's cases 1 to 7 and 10, on a route whose only options are those that they need.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Case, Options } from "./case.ts";
import { closeFrames } from "./closes.ts";
import { frames } from "./frames.ts";
import { compare } from "./play.ts";
import { type Servers, startServers } from "./servers.ts";
import { utf8 } from "./utf8.ts";

/** 7.1.6 sends a text of that length. */
const LONGEST = 256 * 1024;
const options: Options = { ours: { maxMessageBytes: LONGEST }, ws: { maxPayload: LONGEST } };
/** How many cases Autobahn has in each group. */
const GROUPS: Record<string, number> = { 1: 16, 2: 11, 3: 7, 4: 10, 5: 20, 6: 145, 7: 37, 10: 1 };

const cases: readonly Case[] = [...frames, ...utf8, ...closeFrames];
let servers: Servers;

before(async () => {
  servers = await startServers(options);
});

after(() => servers.close());

describe("a case of Autobahn ends as it should, and no worse than on bare ws", () => {
  for (const each of cases) {
    test(`${each.id}: ${each.what}`, () => compare(each, servers));
  }
});

test("each of Autobahn's cases 1 to 7 and 10 is there once", () => {
  assert.equal(new Set(cases.map(({ id }) => id)).size, cases.length);
  const counts: Record<string, number> = {};
  for (const { id } of cases) {
    const group = id.split(".")[0] as string;
    counts[group] = (counts[group] ?? 0) + 1;
  }
  assert.deepEqual(counts, GROUPS);
});
