import { Child } from "./child.ts";
import { type Case, type ContestantName, type Measured, Run } from "./workload.ts";

/** Who has the bufferutil that the project brings; the others are as their READMEs show. */
const WITH_BUFFERUTIL: readonly ContestantName[] = ["ours", "ours-silent"];

/** How a case is measured. */
export interface RoundOptions {
  /** The library to measure, see {@link Library.url}. */
  readonly library: string;
  /** A little of the work, and not pinned to cores: it shows only that it runs. */
  readonly quick: boolean;
  /** A file for the server's CPU profile. */
  readonly profile?: string;
  /** A client that is used again; without it one is started. */
  readonly client?: Child;
}

// Every ws would find it, from here too. The 7 of express-ws does, for it does not ask.
function maskingOf(contestant: ContestantName): NodeJS.ProcessEnv {
  return WITH_BUFFERUTIL.includes(contestant) ? {} : { WS_NO_BUFFER_UTIL: "1" };
}

/** Starts a client's process. */
export function startClient(quick: boolean): Child {
  return new Child("client.ts", [], quick ? undefined : 1);
}

/** Measures one contestant once, with a server of its own. */
export async function measure(
  contestant: ContestantName,
  { plan, measure }: Case,
  { library, quick, profile, client: given }: RoundOptions,
): Promise<Measured> {
  const env = { BENCH_LIBRARY: library, ...maskingOf(contestant) };
  await using server = new Child("server.ts", [contestant], quick ? undefined : 0, env);
  await using own = given ? undefined : startClient(quick);
  const client = (given ?? own) as Child;
  const port = await server.call<number>("listen", plan);
  // Awaited here: the processes end with this scope.
  return await measure(new Run(contestant, plan, server, client, port, { quick, profile }));
}
