import { Task } from "./task.js";

const PREFIX = "task ";
const UPLOADS = "uploads";
const RELOADED = "The page was left before the upload had ended. Choose the file again.";

/**
 * What is kept of tasks over a reload. The server's ids are for all windows of this browser, each
 * under a key of its own, so that windows do not overwrite each other's. A file cannot be kept:
 * of uploads, this window only knows that they were broken off.
 */
export class TaskStore {
  /** @returns {Task[]} the newest first */
  load() {
    const uploads = JSON.parse(sessionStorage.getItem(UPLOADS) ?? "[]");
    const tasks = [
      ...uploads.map((about) => new Task({ ...about, error: about.error || RELOADED })),
      ...keysOf(localStorage).map((key) => new Task(JSON.parse(localStorage.getItem(key)))),
    ];
    return tasks.sort((a, b) => b.at - a.at);
  }

  /** Keeps a task that the server has. */
  keep({ id, name, bytes, at }) {
    save(localStorage, PREFIX + id, { id, name, bytes, at });
  }

  /**
   * Keeps, of these tasks, those that the server does not have. Those that still upload are kept
   * only when the window is being left: a tab that is duplicated gets all that is kept, and the
   * uploads go on in the other one.
   */
  keepUploads(tasks, { leaving }) {
    const uploads = tasks.filter(
      ({ id, status, pending }) => id === "" && status !== "cancelled" && (leaving || !pending),
    );
    const about = ({ name, bytes, at, error }) => ({ name, bytes, at, error });
    save(sessionStorage, UPLOADS, uploads.map(about));
  }

  /** Forgets the id of a task. */
  drop(id) {
    localStorage.removeItem(PREFIX + id);
  }
}

function keysOf(storage) {
  return Object.keys(storage).filter((key) => key.startsWith(PREFIX));
}

// Where nothing can be kept, for want of room say, the page works until it is left.
function save(storage, key, value) {
  try {
    storage.setItem(key, JSON.stringify(value));
  } catch {}
}
