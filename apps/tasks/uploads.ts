import { Refusal } from "koa-subapps";
import type { TaskQueue } from "./queue.ts";

/** When a client may try again, in seconds. */
const RETRY_AFTER = { "Retry-After": "5" };

/** The running uploads. Each holds a place in the queue from its first byte. */
export class Uploads {
  readonly #queue: TaskQueue;
  readonly #maxPerClient: number;
  readonly #byClient = new Map<string, number>();
  #underWay = 0;

  /** @param maxPerClient how many uploads one client may have at once */
  constructor(queue: TaskQueue, maxPerClient: number) {
    this.#queue = queue;
    this.#maxPerClient = maxPerClient;
  }

  /**
   * Takes a place in the queue for an upload.
   *
   * @param client the client's address, from `networkOf`
   * @throws Refusal 503 when the queue is full, 429 when the client has too many uploads
   */
  begin(client: string): void {
    if (this.#underWay >= this.#queue.free) throw queueFull();
    const count = this.#byClient.get(client) ?? 0;
    if (count >= this.#maxPerClient) {
      throw new Refusal(
        429,
        `expected at most ${this.#maxPerClient} uploads of one client at once`,
        RETRY_AFTER,
      );
    }
    this.#byClient.set(client, count + 1);
    this.#underWay++;
  }

  /** Gives the place back: the upload has become a task, or has failed. */
  end(client: string): void {
    const count = (this.#byClient.get(client) ?? 1) - 1;
    if (count > 0) this.#byClient.set(client, count);
    else this.#byClient.delete(client);
    this.#underWay--;
  }
}

/** The answer when the queue is full. */
export function queueFull(): Refusal {
  return new Refusal(
    503,
    "expected room in the queue, but it is full; try again later",
    RETRY_AFTER,
  );
}
