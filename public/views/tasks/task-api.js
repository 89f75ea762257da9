import { isPosition } from "../../page/position.js";

/** An answer that has not come by then will not come. */
const ANSWER_MS = 10_000;

/**
 * Asks how a task is.
 *
 * @returns {Promise<object | undefined>} its state; undefined when the server does not know it
 * @throws {Error} when there was no answer, or one that says nothing about the task
 */
export async function askState(id) {
  const response = await request(id, "GET");
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  const state = await response.json();
  if (!isState(state)) throw new Error("the server's answer is no state of a task");
  return state;
}

/** The state of a task that an event tells; undefined for an event that tells none. */
export function readState(data) {
  try {
    const state = JSON.parse(data);
    return isState(state) ? state : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Asks to cancel a task.
 *
 * @returns {Promise<boolean>} false when it had ended, or the server does not know it
 * @throws {Error} as `askState` does
 */
export async function askToCancel(id) {
  const { ok, status } = await request(id, "DELETE");
  if (status === 404 || status === 409) return false;
  if (!ok) throw new Error(`the server answered ${status}`);
  return true;
}

function request(id, method) {
  const signal = AbortSignal.timeout(ANSWER_MS);
  return fetch(`tasks/${id}`, { method, cache: "no-store", signal });
}

function isState(value) {
  const texts = [value?.id, value?.status].every((it) => typeof it === "string");
  return texts && Number.isFinite(value.progress) && isPosition(value.position);
}
