// All attackers, in a process of their own: they must not slow down those whom they disturb.

import { obey } from "../faults/child.ts";
import { type Attack, Attacker, type Place } from "./attacker.ts";
import { comings } from "./comings.ts";
import { controlTexts } from "./control-texts.ts";
import { guesses } from "./guesses.ts";
import { handshakes } from "./handshakes.ts";
import { histories } from "./histories.ts";
import { longQueries } from "./long-queries.ts";
import { pipelined } from "./pipelined.ts";
import { twoHosts } from "./two-hosts.ts";
import { uploads } from "./uploads.ts";

/** What was answered to each attack, and how often. */
export type Answers = Record<string, Record<string, number>>;

/** What is to be begun. */
export interface Siege {
  readonly place: Place;
  /** One attack alone; all by default. */
  readonly only?: string;
}

const attacks: Record<string, Attack> = {
  longQueries,
  pipelined,
  uploads,
  controlTexts,
  histories,
  comings,
  guesses,
  twoHosts,
  handshakes,
};
const under: { name: string; attacker: Attacker; ended: Promise<void> }[] = [];

function answers(): Answers {
  return Object.fromEntries(under.map(({ name, attacker }) => [name, attacker.counts]));
}

obey({
  begin: ({ place, only }: Siege) => {
    for (const [number, [name, attack]] of Object.entries(attacks).entries()) {
      if (only !== undefined && only !== name) continue;
      const attacker = new Attacker(place, number + 1);
      const ended = attack(attacker).catch((error) => attacker.count(`failed: ${error}`));
      under.push({ name, attacker, ended });
    }
  },
  answers,
  end: async (): Promise<Answers> => {
    const soFar = structuredClone(answers());
    for (const { attacker } of under) attacker.end();
    await Promise.all(under.map(({ ended }) => ended));
    return soFar;
  },
});
