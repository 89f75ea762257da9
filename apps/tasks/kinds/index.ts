import { workOf } from "../worker.ts";
import * as kinds from "./all.ts";

/** The kinds of task there are, by the name in `POST /tasks/{kind}`. */
export { kinds };

/** Does a job of these kinds: what a worker thread calls. */
export const work = workOf(kinds);

/** Where a worker thread finds it. */
export const url = import.meta.url;
