import { fieldsOf, isPosition } from "../../page/position.js";

/**
 * A state of a task, as the tasks app declares it.
 *
 * @typedef {import("../../../apps/tasks/task.ts").TaskMessage} TaskMessage
 */

/** An answer that has not come by then will not come. */
const ANSWER_MS = 10_000;

/**
 * Asks how a task is.
 *
 * @param {string} id
 * @returns {Promise<TaskMessage | undefined>} its state; undefined when the server does not know it
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

/**
 * The state of a task that an event tells; undefined for an event that tells none.
 *
 * @param {string} data
 * @returns {TaskMessage | undefined}
 */
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
 * @param {string} id
 * @returns {Promise<boolean>} false when it had ended, or the server does not know it
 * @throws {Error} as `askState` does
 */
export async function askToCancel(id) {
  const { ok, status } = await request(id, "DELETE");
  if (status === 404 || status === 409) return false;
  if (!ok) throw new Error(`the server answered ${status}`);
  return true;
}

/**
 * @param {string} id
 * @param {"GET" | "DELETE"} method
 */
function request(id, method) {
  const signal = AbortSignal.timeout(ANSWER_MS);
  return fetch(`tasks/${id}`, { method, cache: "no-store", signal });
}

/**
 * @param {unknown} value
 * @returns {value is TaskMessage}
 */
function isState(value) {
  /** @type {{ [Field in keyof TaskMessage]?: unknown }} */
  const { id, status, progress, position } = fieldsOf(value);
  const texts = [id, status].every((it) => typeof it === "string");
  return texts && Number.isFinite(progress) && isPosition(position);
}
