import { type TestContext, test } from "node:test";
import type { Broker } from "koa-subapps";

/** An engine under test, with a hand on its clock. */
export interface Engine {
  readonly broker: Broker;
  /** Lets that many milliseconds pass for the engine. */
  pass(ms: number): Promise<void>;
  /** What the engine holds that would outlive a forgotten one: timers, sockets. */
  held(): string[];
  /** Ends a topic's epoch under its subscribers, where an engine can lose data. */
  endEpoch?(topic: string): Promise<void>;
  /** Gives back what the test took: the clock, a server. */
  dispose(): Promise<void>;
}

/** Makes an engine; a topic that is idle for `idleMs` is forgotten. */
export type MakeEngine = (options: { idleMs: number }) => Promise<Engine>;

/** After how long a topic that is idle is forgotten. */
export const IDLE_MS = 60_000;
/** For how long a message is retained, in milliseconds. */
export const AGE_MS = 10_000;
/** What the tests publish with. */
export const RETENTION = { count: 4, ageMs: AGE_MS };
/** What a test may take, in milliseconds. */
export const TIMEOUT_MS = 20_000;

/** Registers a test that has an engine of its own. */
export type On = (title: string, body: (engine: Engine, t: TestContext) => Promise<void>) => void;

/** Registers tests on engines that this makes. */
export function onEngines(makeEngine: MakeEngine): On {
  return (title, body) => {
    test(title, { timeout: TIMEOUT_MS }, async (t) => {
      const engine = await makeEngine({ idleMs: IDLE_MS });
      try {
        await body(engine, t);
      } finally {
        await engine.broker.close();
        await engine.dispose();
      }
    });
  };
}
