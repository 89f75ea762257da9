import { UploadFailed, upload } from "./upload.js";
import { Uploads } from "./uploads.js";

/** @typedef {import("./task.js").Task} Task */
/** @typedef {import("../../page/texts.js").Said} Said */
/** @typedef {{ controller: AbortController, start: () => Promise<void> }} Turn */

/**
 * What happens in a turn.
 *
 * @typedef {object} Listener
 * @property {() => void} changed a task has another status
 * @property {() => void} progressed more of a task is on its way
 * @property {(task: Task) => void} taken the server has it, and the task its id
 * @property {(task: Task, error: Said) => void} refused the server has not taken it
 */

/** The turns of tasks: each waits for the one in which its file is uploaded. */
export class Turns {
  #uploads = new Uploads();
  #turns = /** @type {Map<Task, Turn>} */ (new Map());
  #listener;

  /** @param {Listener} listener */
  constructor(listener) {
    this.#listener = listener;
  }

  /** @param {Task} task one whose file is there */
  add(task) {
    /** @type {Turn} */
    const turn = { controller: new AbortController(), start: () => this.#upload(task, turn) };
    this.#turns.set(task, turn);
    this.#uploads.add(turn.start);
  }

  /**
   * Cancels a task that waits for its turn, or has not been sent whole.
   *
   * @param {Task} task
   * @returns {boolean} false when the server may have it already
   */
  cancel(task) {
    const turn = this.#turns.get(task);
    if (task.status === "waiting") {
      if (turn) this.#uploads.remove(turn.start);
      this.#turns.delete(task);
      task.end("cancelled");
      return true;
    }
    if (task.status !== "uploading" || task.sent) return false;
    turn?.controller.abort();
    return true;
  }

  /**
   * @param {Task} task
   * @param {Turn} turn
   */
  async #upload(task, { controller: { signal } }) {
    if (task.file === undefined) return;
    task.status = "uploading";
    this.#listener.changed();
    try {
      task.begin(await this.#send(task, task.file, signal));
      this.#listener.taken(task);
    } catch (error) {
      if (signal.aborted) task.end("cancelled");
      else if (error instanceof UploadFailed) {
        // Without it, trying again is not offered.
        if (error.isFinal) task.file = undefined;
        this.#listener.refused(task, error.said);
      } else throw error;
    } finally {
      this.#turns.delete(task);
      this.#listener.changed();
    }
  }

  /**
   * @param {Task} task
   * @param {File} file
   * @param {AbortSignal} signal
   */
  #send(task, file, signal) {
    /** @param {number} part */
    const onProgress = (part) => {
      task.progress = part;
      this.#listener.progressed();
    };
    const onSent = () => {
      task.sent = true;
      this.#listener.progressed();
    };
    return upload(file, { signal, onProgress, onSent });
  }
}
