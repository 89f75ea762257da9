import assert from "node:assert/strict";
import {
  areSame,
  type Case,
  type Outcome,
  type Script,
  VERDICTS,
  type Verdict,
  verdictOn,
} from "./case.ts";
import { Peer } from "./peer.ts";
import type { Servers } from "./servers.ts";

/** Plays a case against a server, as Autobahn's fuzzing client does. */
export async function play(each: Case, script: Script, url: string): Promise<Outcome> {
  await using peer = await Peer.open(url);
  let steps = 0;
  for (const step of script.sends) {
    if (peer.isOver) break;
    await peer.play(step);
    steps++;
  }
  return await finish(each, script, peer, steps);
}

/** Waits for the answers and closes, or waits for the server to close. */
export async function finish(
  each: Case,
  script: Script,
  peer: Peer,
  steps: number,
): Promise<Outcome> {
  const wanted = each.closedBy === "client" && !each.closesItself ? script.ok.length : undefined;
  const hasCome = () => wanted !== undefined && peer.frames.length >= wanted;
  await peer.until(() => peer.isOver || hasCome(), "the answers, or a close");
  const closedBy = each.closesItself || !peer.isOver ? "client" : "server";
  await (each.closesItself ? peer.end() : peer.leave());
  return { answers: peer.answers, closedBy, code: peer.code, steps };
}

/** Plays a case against both servers: ours ends as is stated, and no worse than the other. */
export async function compare<C extends Case>(
  each: C,
  servers: Servers,
  playing: (each: C, script: Script, url: string) => Promise<Outcome> = play,
): Promise<void> {
  const script = each.script();
  const bare = await playing(each, script, servers.ws);
  const ours = await playing(each, script, servers.ours);
  const verdicts = [ours, bare].map((outcome) => verdictOn(each, script, outcome));
  const [our, theirs] = verdicts as [Verdict, Verdict];
  const said = `ours ${our} (${told(ours)}), ws ${theirs} (${told(bare)})`;
  assert.equal(our, each.verdict ?? "OK", said);
  assert.ok(VERDICTS.indexOf(our) <= VERDICTS.indexOf(theirs), said);
  if (our === theirs) {
    assert.ok(areSame(ours.answers, bare.answers), said);
    if (bare.code !== undefined) assert.equal(ours.code, bare.code, said);
  }
  assert.deepEqual(servers.errors, []);
}

function told({ answers, closedBy, code }: Outcome): string {
  const frames = answers.map(({ opcode, payload }) => `${opcode}:${payload.length}`);
  return `answers ${frames.slice(0, 10)}; closed by ${closedBy}, ${code}`;
}
