import { randomUUID } from "node:crypto";
import { BroadcastChannel } from "node:worker_threads";
import { within } from "../../../support/within.ts";
import { type Follower, follow, type Submitted, submit } from "./client.ts";
import type { Order } from "./kinds.ts";
import type { Talks } from "./visitor.ts";

/** A worker starts in a second or two when the machine is busy. */
const START_MS = 60_000;

/** One task whose worker does what it is told. */
export class Puppet implements Disposable {
  readonly #ready: Promise<void>;
  readonly #channel: BroadcastChannel;

  /** @param name of its channel; unique by default */
  constructor(readonly name: string = randomUUID()) {
    this.#channel = new BroadcastChannel(name);
    this.#ready = new Promise((resolve) => {
      this.#channel.onmessage = () => resolve();
    });
  }

  /** Resolves when a worker has begun it. */
  get ready(): Promise<void> {
    return within(this.#ready, "a worker to begin the task", START_MS);
  }

  /** Tells it to do something. */
  do(order: Order): void {
    this.#channel.postMessage(order);
  }

  [Symbol.dispose](): void {
    this.#channel.close();
  }
}

/** A task that a puppet plays, with somebody who follows it. */
export interface Play extends Disposable {
  readonly puppet: Puppet;
  readonly task: Submitted;
  readonly follower: Follower;
}

/** Submits a task that a puppet plays. */
export async function play(client: Talks, kind = "puppet", body = "text"): Promise<Play> {
  const puppet = new Puppet();
  const task = await submit(client, `${kind}?channel=${puppet.name}`, body);
  const follower = await follow(client, task.id);
  return { puppet, task, follower, [Symbol.dispose]: () => puppet[Symbol.dispose]() };
}
