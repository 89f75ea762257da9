import { text } from "node:stream/consumers";
import { kind } from "../../../../apps/tasks/kind.ts";
import { workOf } from "../../../../apps/tasks/worker.ts";

/** A kind that is nothing but a function. */
export const kinds = {
  greeting: kind(async (input, query) => ({ greeting: await text(input.stream()), ...query })),
};

/** What a worker thread calls. */
export const work = workOf(kinds);

/** Where a worker thread finds it. */
export const url = import.meta.url;
