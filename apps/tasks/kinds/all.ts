// A kind more is a line more.
export { wordcount } from "./wordcount.ts";
