// The same with LOG_LEVEL=silent: the other contestants log nothing by default.
process.env.LOG_LEVEL = "silent";
export const { listen } = await import("./ours.ts");
