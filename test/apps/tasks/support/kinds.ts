import { BroadcastChannel } from "node:worker_threads";
import { z } from "zod";
import {
  type Input,
  type Kind,
  type Kinds,
  kind,
  TaskFailure,
} from "../../../../apps/tasks/kind.ts";
import { workOf } from "../../../../apps/tasks/worker.ts";

/** What a {@link Puppet} is told to do. */
export type Order =
  | { progress: number; note?: string }
  | { succeed: unknown }
  | { read: true }
  | { fail: string }
  | { throw: unknown }
  | { uncaught: string }
  | { exit: number }
  | { hog: true }
  | { spin: true }
  | { impossible: "bigint" | "circular" };

const params = z.object({ channel: z.string(), size: z.coerce.number().int().max(9).default(1) });

/** Kinds that do what a test tells them to, across the border of the thread. */
export const kinds: Kinds = { puppet: puppet(60), hasty: puppet(5) };

/** What a worker thread calls. */
export const work = workOf(kinds);

/** Where a worker thread finds it. */
export const url = import.meta.url;

function puppet(timeLimitSeconds: number): Kind {
  return kind({
    accepts: ["text/*"],
    params,
    timeLimitSeconds,
    run: (input, { channel: name }, { progress }) => {
      const channel = new BroadcastChannel(name);
      return new Promise((resolve, reject) => {
        channel.onmessage = ({ data }) => {
          try {
            obey(data as Order, { input, progress, resolve });
          } catch (error) {
            reject(error);
          }
        };
        channel.postMessage("ready");
      }).finally(() => channel.close());
    },
  });
}

interface Strings {
  readonly input: Input;
  readonly progress: (done: number, note?: string) => void;
  readonly resolve: (result: unknown) => void;
}

function obey(order: Order, { input, progress, resolve }: Strings): void {
  if ("progress" in order) progress(order.progress, order.note);
  if ("succeed" in order) resolve(order.succeed);
  if ("read" in order) resolve(length(input));
  if ("fail" in order) throw new TaskFailure(order.fail);
  if ("throw" in order) throw order.throw;
  if ("uncaught" in order) {
    setImmediate(() => {
      throw new Error(order.uncaught);
    });
  }
  if ("exit" in order) process.exit(order.exit);
  if ("hog" in order) hog();
  if ("spin" in order) for (;;);
  if ("impossible" in order) resolve(order.impossible === "bigint" ? { n: 1n } : circular());
}

async function length(input: Input): Promise<number> {
  let bytes = 0;
  for await (const chunk of input.stream()) bytes += chunk.length;
  return bytes;
}

function hog(): never {
  for (const all: number[][] = []; ; ) all.push(Array(100_000).fill(all.length));
}

function circular(): object {
  const all: object[] = [];
  all.push(all);
  return all;
}
