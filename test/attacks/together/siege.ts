import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { AppProcess } from "../../support/app-process.ts";
import { until } from "../../support/within.ts";
import { Child } from "../faults/child.ts";
import type { Place } from "./attacker.ts";
import type { Answers, Siege } from "./attackers.ts";
import { Crowd } from "./crowd.ts";
import { Newcomer } from "./newcomer.ts";

/** How often each attack is made, and each client speaks. */
const TIMES = 5;
/** How long it lasts, beyond that: as long as somebody wants to look. */
const LEAST_MS = 1_000 * Number(process.env.TOGETHER_SECONDS ?? 0);
const ATTACK_MS = 100_000;
const WAIT_MS = 60_000;
const TOKEN = "the operator's own token";

/** How the server is started: as the README says, with a small heap, and an operator. */
export const ENV = { NODE_OPTIONS: "--max-old-space-size=256", ADMIN_TOKEN: TOKEN };

/**
 * Makes every attack of this directory at once while a hundred ordinary clients talk: none of them
 * loses a message or its connection, and when it is over everything works.
 *
 * @param app the server, started with {@link ENV}
 * @param place where clients and attackers find it
 * @returns what the attackers were answered
 */
export async function besiege(t: TestContext, app: AppProcess, place: Place): Promise<Answers> {
  const url = `ws://127.0.0.1:${place.port}`;
  await using crowd = await Crowd.gather(url, place.host);
  await using attackers = new Child("../together/attackers.ts");
  crowd.talk();
  await attackers.ask("begin", { place } satisfies Siege);
  await enough(crowd, attackers);
  const answers = await attackers.ask<Answers>("end");
  for (const [name, counts] of Object.entries(answers)) {
    t.diagnostic(`${name}: ${JSON.stringify(counts)}`);
  }
  crowd.hush();
  crowd.sayAll();
  const isOver = () => crowd.hasHeardAll || crowd.faults.length > 0;
  await until(isOver, "each to hear all that was said in its room", WAIT_MS);
  assert.deepEqual(crowd.faults, []);
  t.diagnostic(`${crowd.talkers.length} clients heard ${crowd.heard} messages, and lost none`);
  await new Newcomer(url, place.host, TOKEN).tryAll();
  await crowd.leave();
  assert.equal(await app.stop(), 0);
  return answers;
}

/**
 * Checks that an attack was answered with nothing else than some statuses.
 *
 * @param statuses as text; always among them are 429, no answer at all, and the 504 of a proxy whose
 *   server has too much to do
 */
export function assertOnly(answers: Answers, name: string, ...statuses: string[]): void {
  const expected = [...statuses, "429", "504", "no answer"];
  const others = Object.keys(answers[name] ?? {}).filter((each) => !expected.includes(each));
  assert.deepEqual(others, [], name);
}

async function enough(crowd: Crowd, attackers: Child): Promise<void> {
  const begun = performance.now();
  let made: Answers = {};
  const isEnough = async () => {
    made = await attackers.ask<Answers>("answers");
    const isOften = Object.values(made).every((counts) => total(counts) >= TIMES);
    const hasTalked = crowd.talkers.every(({ said }) => said >= TIMES);
    const isLong = performance.now() - begun >= LEAST_MS;
    return crowd.faults.length > 0 || (isOften && hasTalked && isLong);
  };
  const how = () => `each attack to be made ${TIMES} times, not ${JSON.stringify(made)}`;
  await until(isEnough, how, ATTACK_MS + LEAST_MS);
}

function total(counts: Record<string, number>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
