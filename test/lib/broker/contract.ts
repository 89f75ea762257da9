import { type MakeEngine, onEngines } from "./contract/engine.ts";
import { historyContract } from "./contract/history.ts";
import { holdingsContract } from "./contract/holdings.ts";
import { keyContract } from "./contract/key.ts";
import { modelContract } from "./contract/model.ts";
import { publicationContract } from "./contract/publication.ts";
import { signalContract } from "./contract/signal.ts";
import { subscriptionContract } from "./contract/subscription.ts";

export type { Engine, MakeEngine } from "./contract/engine.ts";

/** What a suite may be told of an engine. */
export interface ContractOptions {
  /** How many random histories are compared with a list. Default 300. */
  readonly runs?: number;
}

/**
 * The contract of `Broker` as tests. Every engine passes the same ones.
 *
 * @param name the engine's, for the titles
 * @param makeEngine makes a fresh one for each test
 * @param options see {@link ContractOptions}
 */
export function brokerContract(
  name: string,
  makeEngine: MakeEngine,
  { runs = 300 }: ContractOptions = {},
): void {
  const on = onEngines(makeEngine);
  publicationContract(name, on);
  keyContract(name, on);
  historyContract(name, on);
  subscriptionContract(name, on);
  signalContract(name, on);
  holdingsContract(name, on);
  modelContract(name, makeEngine, runs);
}
