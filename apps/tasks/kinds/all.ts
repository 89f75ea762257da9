// Add one line for each new kind.
export { wordcount } from "./wordcount.ts";
