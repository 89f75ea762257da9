import { Refusal } from "../../lib/index.ts";
import type { TaskQueue } from "./queue.ts";

/** Seconds after which a full queue, or a client's own uploads, are worth another look. */
const RETRY_AFTER = { "Retry-After": "5" };

/** The uploads under way: each has a place in the queue from its first byte on. */
export class Uploads {
  readonly #queue: TaskQueue;
  readonly #maxPerClient: number;
  readonly #byClient = new Map<string, number>();
  #underWay = 0;

  /** @param maxPerClient how many one client may have under way */
  constructor(queue: TaskQueue, maxPerClient: number) {
    this.#queue = queue;
    this.#maxPerClient = maxPerClient;
  }

  /**
   * Takes a place in the queue for an upload.
   *
   * @param client the address it comes from, as `networkOf` gives it
   * @throws Refusal 503 when the queue has no place, 429 when the client has its share of uploads
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

  /** Gives the place back: the upload has become a task, or nothing. */
  end(client: string): void {
    const count = (this.#byClient.get(client) ?? 1) - 1;
    if (count > 0) this.#byClient.set(client, count);
    else this.#byClient.delete(client);
    this.#underWay--;
  }
}

/** The answer to a task for which there is no place. */
export function queueFull(): Refusal {
  return new Refusal(
    503,
    "expected room in the queue, but it is full; try again later",
    RETRY_AFTER,
  );
}
