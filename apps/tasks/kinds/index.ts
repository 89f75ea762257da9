import type { Kind } from "../kind.ts";
import { wordcount } from "./wordcount.ts";

/** The kinds of task there are, by the name in `POST /tasks/{kind}`. */
export const kinds: Readonly<Record<string, Kind>> = { wordcount };
