import { browserKept, windowKept } from "../../page/kept.js";
import { fieldsOf } from "../../page/position.js";
import { inText, texts } from "../../page/texts.js";
import { Task } from "./task.js";

/** @typedef {{ id?: string, name: string, bytes: number, at: number, error?: string }} Kept */

const PREFIX = "task ";
const UPLOADS = "uploads";
const RELOADED = () => texts().leftEarly;

/**
 * What is kept of tasks over a reload. The server's ids are for all windows of this browser, each
 * under a key of its own, so that windows do not overwrite each other's. A file cannot be kept:
 * of uploads, this window only knows that they were broken off.
 */
export class TaskStore {
  /** @returns {Task[]} the newest first */
  load() {
    const uploads = windowKept.read(UPLOADS, areUploads) ?? [];
    const tasks = [
      ...uploads.map((about) => new Task({ ...about, error: about.error || RELOADED })),
      ...browserKept.keys(PREFIX).flatMap((key) => taskOf(key)),
    ];
    return tasks.sort((a, b) => b.at - a.at);
  }

  /**
   * Keeps a task that the server has.
   *
   * @param {Task} task
   */
  keep({ id, name, bytes, at }) {
    browserKept.write(PREFIX + id, { id, name, bytes, at });
  }

  /**
   * Keeps, of these tasks, those that the server does not have. Those that still upload are kept
   * only when the window is being left: a tab that is duplicated gets all that is kept, and the
   * uploads go on in the other one.
   *
   * @param {Task[]} tasks
   * @param {{ leaving: boolean }} when
   */
  keepUploads(tasks, { leaving }) {
    const uploads = tasks.filter(
      ({ id, status, pending }) => id === "" && status !== "cancelled" && (leaving || !pending),
    );
    /** @param {Task} task */
    const about = ({ name, bytes, at, error }) => ({ name, bytes, at, error: inText(error) });
    if (uploads.length > 0) windowKept.write(UPLOADS, uploads.map(about));
    else windowKept.remove(UPLOADS);
  }

  /**
   * Forgets the id of a task.
   *
   * @param {string} id
   */
  drop(id) {
    browserKept.remove(PREFIX + id);
  }
}

// One whose value cannot be read is taken out, so that the next page does not find it again.
/** @param {string} key */
function taskOf(key) {
  const about = browserKept.read(key, isAbout);
  if (about?.id && key === PREFIX + about.id) return [new Task(about)];
  browserKept.remove(key);
  return [];
}

/**
 * @param {unknown} value
 * @returns {value is Kept[]}
 */
function areUploads(value) {
  return Array.isArray(value) && value.every(isAbout);
}

/**
 * @param {unknown} value
 * @returns {value is Kept}
 */
function isAbout(value) {
  const { id = "", name, bytes, at, error = "" } = fieldsOf(value);
  const texts = [id, name, error].every((text) => typeof text === "string");
  return texts && Number.isFinite(bytes) && Number.isFinite(at);
}
