import assert from "node:assert/strict";
import type { TestSocket } from "koa-subapps/testing";
import { hasEnded, type TaskMessage } from "../../../../apps/tasks/task.ts";
import type { Talks } from "./visitor.ts";

/** Workers may have to wait for a core. */
const PATIENCE = { timeoutMs: 60_000 };

/** The answer to a submission. */
export interface Submitted {
  readonly id: string;
  readonly kind: string;
  readonly status: string;
  readonly url: string;
  readonly events: string;
}

/** A request that submits a text. */
export function post(
  client: Talks,
  path: string,
  body: string | Uint8Array = "text",
  headers: Record<string, string> = {},
): Promise<Response> {
  return client.fetch(`/tasks/${path}`, {
    method: "POST",
    body,
    headers: { "Content-Type": "text/plain", ...headers },
    signal: AbortSignal.timeout(PATIENCE.timeoutMs),
  });
}

/** Submits a text that must be accepted. */
export async function submit(
  client: Talks,
  path: string,
  body: string | Uint8Array = "text",
): Promise<Submitted> {
  const response = await post(client, path, body);
  const text = await response.text();
  assert.equal(response.status, 202, text);
  return JSON.parse(text) as Submitted;
}

/** The state of a task as HTTP tells it. */
export async function stateOf(client: Talks, id: string): Promise<TaskMessage> {
  const response = await client.fetch(`/tasks/${id}`);
  assert.equal(response.status, 200);
  return (await response.json()) as TaskMessage;
}

/** Asks to cancel a task, and gives the status of the answer. */
export async function cancel(client: Talks, id: string): Promise<number> {
  const response = await client.fetch(`/tasks/${id}`, { method: "DELETE" });
  await response.body?.cancel();
  return response.status;
}

/** Follows a task. */
export async function follow(client: Talks, id: string, query = ""): Promise<Follower> {
  return new Follower(await client.connect(`/tasks/${id}${query}`, PATIENCE));
}

/** Somebody who follows one task, or all. */
export class Follower {
  readonly seen: TaskMessage[] = [];

  constructor(readonly socket: TestSocket) {}

  /** Takes the next message. */
  async next(): Promise<TaskMessage> {
    const message = await this.socket.receiveJson<TaskMessage>(PATIENCE);
    this.seen.push(message);
    return message;
  }

  /** Takes messages until one that fits. */
  async until(fits: (message: TaskMessage) => boolean): Promise<TaskMessage> {
    for (;;) {
      const message = await this.next();
      if (fits(message)) return message;
    }
  }

  /** Takes messages until one with a status. */
  status(status: TaskMessage["status"]): Promise<TaskMessage> {
    return this.until((message) => message.status === status);
  }

  /** Takes all messages to the end, which must come with 1000 and nothing after the last. */
  async end(): Promise<TaskMessage> {
    const last = await this.until(hasEnded);
    assert.equal((await this.socket.closed(PATIENCE)).code, 1000);
    await assert.rejects(this.socket.receive(), /closed 1000/);
    return last;
  }
}
