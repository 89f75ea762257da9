/** A promise, and what settles it: `Promise.withResolvers()`, which Node 20 has not. */
export function withResolvers<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: Error) => void;
} {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** A promise that never settles, and keeps nothing alive. */
export const forever = (): Promise<never> => new Promise(() => {});
