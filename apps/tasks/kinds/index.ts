import type { Kinds } from "../kind.ts";
import { workOf } from "../worker.ts";
import { wordcount } from "./wordcount.ts";

/** The kinds of task there are, by the name in `POST /tasks/{kind}`. */
export const kinds: Kinds = { wordcount };

/** Does a job of these kinds: what a worker thread calls. */
export const work = workOf(kinds);

/** Where a worker thread finds it. */
export const url = import.meta.url;
