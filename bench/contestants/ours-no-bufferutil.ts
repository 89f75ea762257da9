// The same without bufferutil; whether ws takes it is for its environment to say.
export { listen } from "./ours.ts";
