import process from "node:process";

/** A request to a child process, and its answer: one at a time. */
export interface Call {
  readonly method: string;
  readonly argument: unknown;
}

/** The answer to a {@link Call}. */
export type Answer = { readonly result: unknown } | { readonly error: string };

type Methods = Record<string, (argument: never) => unknown>;

/** Answers the parent's calls with these methods, until the parent is gone. */
export function answerCalls(methods: Methods): void {
  process.on("message", ({ method, argument }: Call) => {
    void answer(methods, method, argument as never).then((each) => {
      // The parent may have gone meanwhile.
      if (process.connected) process.send?.(each);
    });
  });
  process.on("disconnect", () => process.exit());
}

async function answer(methods: Methods, method: string, argument: never): Promise<Answer> {
  try {
    return { result: await methods[method]?.(argument) };
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
