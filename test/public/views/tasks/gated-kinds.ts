import { type Input, type Kinds, kind } from "../../../../apps/tasks/kind.ts";
import { kinds as ours } from "../../../../apps/tasks/kinds/index.ts";
import { workOf } from "../../../../apps/tasks/worker.ts";
import { kinds as puppets } from "../../../apps/tasks/support/kinds.ts";

const PUPPET = /^puppet (\S+)/;

/**
 * The kind that the page asks for. A text that begins with `puppet` and a name does what the
 * puppet of that name is told; any other is counted as always.
 */
export const kinds: Kinds = {
  wordcount: kind({
    accepts: ["text/*"],
    timeLimitSeconds: 60,
    run: async (input, _params, tools) => {
      const channel = PUPPET.exec(await beginningOf(input))?.[1];
      if (channel === undefined) return ours.wordcount.run(input, { top: 100 }, tools);
      return puppets.puppet?.run(input, { channel }, tools);
    },
  }),
};

/** What a worker thread calls. */
export const work = workOf(kinds);

/** Where a worker thread finds it. */
export const url = import.meta.url;

async function beginningOf(input: Input): Promise<string> {
  for await (const chunk of input.stream()) return chunk.toString("utf8", 0, 100);
  return "";
}
