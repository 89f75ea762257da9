import { workOf } from "../worker.ts";
import * as kinds from "./all.ts";

/** The kinds of task, by the name in `POST /tasks/{kind}`. */
export { kinds };

/** A worker thread calls this to do a job of these kinds. */
export const work = workOf(kinds);

/** The URL from which a worker thread loads this module. */
export const url = import.meta.url;
