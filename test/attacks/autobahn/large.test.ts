// Autobahn's group 9. Of the options that bound what a client may send, maxMessageBytes is set
// alone for long messages, and burstMessages alone for many.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Case, Options } from "./case.ts";
import { isWhole } from "./extent.ts";
import { long9, SHORT, trips9, WHOLE } from "./large.ts";
import { compare } from "./play.ts";
import { type Servers, startServers } from "./servers.ts";

const LONGEST = 16 * 1024 * 1024;
const CASES = 54;
const extent = isWhole ? WHOLE : SHORT;

const groups: readonly (readonly [what: string, readonly Case[], Options])[] = [
  [
    "with a long message",
    long9(extent),
    { ours: { maxMessageBytes: LONGEST }, ws: { maxPayload: LONGEST } },
  ],
  [
    "with many round trips",
    trips9(extent),
    { ours: { burstMessages: WHOLE.trips }, ws: { maxPayload: 64 * 1024 } },
  ],
];

for (const [what, cases, options] of groups) {
  describe(`a case of Autobahn ${what} ends as it should, and no worse than on bare ws`, () => {
    let servers: Servers;

    before(async () => {
      servers = await startServers(options);
    });

    after(() => servers.close());

    for (const each of cases) {
      test(`${each.id}: ${each.what}`, () => compare(each, servers));
    }
  });
}

test("each of Autobahn's cases 9 is there once", () => {
  const ids = groups.flatMap(([, cases]) => cases.map(({ id }) => id));
  assert.deepEqual([ids.length, new Set(ids).size], [CASES, CASES]);
});
