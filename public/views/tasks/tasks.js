import { Connection, PING } from "../../page/connection.js";
import { Demo } from "../../page/demo.js";
import { texts } from "../../page/texts.js";
import { Task } from "./task.js";
import { askState, askToCancel, readState } from "./task-api.js";
import { TaskStore } from "./task-store.js";
import { Turns } from "./turns.js";

/** How many tasks are kept in sight; ended ones make room, the oldest first. */
const LIMIT = 50;

/** Tasks of which nothing is told for this long are asked about. */
const SILENCE_MS = 10_000;

/** The types of message that the server says beside states, which have none. */
const OTHERS = ["pong"];

/** @typedef {import("./task-api.js").TaskMessage} TaskMessage */

/**
 * The tasks that were begun in this browser. The server tells of all tasks by one WebSocket, from
 * when it opens; how a task was before is asked, and so nothing is missed.
 *
 * Events: those of a demo; `ended` with the task as `detail` when one has ended in sight.
 */
export class Tasks extends Demo {
  #store = new TaskStore();
  #turns = new Turns({
    changed: () => this.#changed(),
    progressed: () => this.emit("change"),
    taken: (task) => this.#followed(task),
    refused: (task, error) => this.#end(task, "refused", error),
  });
  /** @type {Task[]} */
  #tasks;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #silence;

  constructor() {
    super({
      name: "tasks",
      connection: new Connection(() => "tasks/", { ping: PING }),
    });
    const kept = this.#store.load();
    this.#tasks = kept.slice(0, LIMIT);
    for (const { id } of kept.slice(LIMIT)) this.#store.drop(id);
    this.onText((data) => this.#receive(data));
    this.connection.addEventListener("state", () => this.#stateChanged());
    addEventListener("beforeunload", (event) => {
      if (this.#tasks.some(({ pending }) => pending)) event.preventDefault();
    });
    // A phone may end a hidden window without another word.
    /** @param {boolean} leaving */
    const keep = (leaving) => this.#store.keepUploads(this.#tasks, { leaving });
    document.addEventListener("visibilitychange", () => keep(document.hidden));
    addEventListener("pagehide", () => keep(true));
    addEventListener("pageshow", () => keep(false));
  }

  /** @returns {Task[]} the newest first, and those chosen together in their order */
  get list() {
    return this.#tasks;
  }

  /**
   * Begins a task with each file.
   *
   * @param {File[]} files
   * @returns {string} what stands in the way; empty when all were taken
   */
  add(files) {
    const unended = this.#tasks.filter(({ ended }) => !ended).length;
    const taken = files.slice(0, LIMIT - unended);
    const at = Date.now();
    // Their order is that of their times, over a reload too.
    const fresh = taken.map(
      (file, index) =>
        new Task({ file, name: file.name, bytes: file.size, at: at - index / 1_000 }),
    );
    this.#makeRoom(fresh.length);
    this.#tasks.unshift(...fresh);
    for (const task of fresh) this.#turns.add(task);
    this.#changed();
    if (taken.length === files.length) return "";
    return texts().filesTaken(taken.length, files.length, LIMIT);
  }

  /**
   * Cancels a task, wherever it is.
   *
   * @param {Task} task
   */
  cancel(task) {
    if (task.ended || task.cancelling) return;
    if (!this.#turns.cancel(task)) {
      task.cancelling = true;
      // One that was sent and has no id yet is cancelled as soon as it has.
      if (task.followed) void this.#cancelThere(task);
    }
    this.#changed();
  }

  /**
   * Begins a task again whose file is still there.
   *
   * @param {Task} task
   */
  retry(task) {
    this.#store.drop(task.id);
    task.wait();
    this.#turns.add(task);
    this.#changed();
  }

  /**
   * Takes an ended task out of the list.
   *
   * @param {Task} task
   */
  remove(task) {
    this.#store.drop(task.id);
    this.#tasks = this.#tasks.filter((other) => other !== task);
    this.#changed();
  }

  /** Takes all ended tasks out of the list. */
  clear() {
    for (const task of this.#tasks.filter(({ ended }) => ended)) this.remove(task);
  }

  /** @param {number} count */
  #makeRoom(count) {
    const ended = this.#tasks.filter((task) => task.ended);
    const excess = this.#tasks.length + count - LIMIT;
    for (const task of ended.reverse().slice(0, Math.max(excess, 0))) this.remove(task);
  }

  // What was told of it before its id was known has been passed over.
  /** @param {Task} task */
  #followed(task) {
    this.#store.keep(task);
    if (task.cancelling) void this.#cancelThere(task);
    else void this.#ask(task);
    this.#watch();
  }

  /** @param {Task} task */
  async #cancelThere(task) {
    try {
      if (!(await askToCancel(task.id))) await this.#ask(task);
    } catch {
      if (task.ended) return;
      task.cancelling = false;
      task.note = () => texts().notCancelled;
      this.emit("change");
    }
  }

  /** @param {string} data */
  #receive(data) {
    const message = readState(data);
    if (message === undefined) return this.doubt(data, OTHERS);
    const task = this.#tasks.find(({ id }) => id === message.id);
    if (task) this.#take(task, message);
  }

  /**
   * @param {Task} task
   * @param {TaskMessage} message
   */
  #take(task, message) {
    const seen = task.status !== "unknown";
    const news = task.take(message);
    if (seen && news && task.ended) this.#told(task);
    this.#watch();
    this.emit("change");
    return news;
  }

  /**
   * @param {Task} task
   * @param {import("./task.js").Status} status
   * @param {import("../../page/texts.js").Said} error
   */
  #end(task, status, error) {
    task.end(status, error);
    this.#told(task);
  }

  /** @param {Task} task */
  #told(task) {
    this.dispatchEvent(new CustomEvent("ended", { detail: task }));
    this.emit("news");
  }

  /**
   * @param {Task} task
   * @returns {Promise<boolean>} whether there was something new to learn, or nothing to be heard
   */
  async #ask(task) {
    const { id } = task;
    try {
      const state = await askState(id);
      // Meanwhile it may have ended, and been begun again.
      if (task.id !== id || task.ended) return false;
      if (state) return this.#take(task, state);
      this.#end(task, "forgotten", "");
      this.emit("change");
      return false;
    } catch {
      return true;
    }
  }

  #askAll() {
    return Promise.all(this.#tasks.filter(({ followed }) => followed).map((it) => this.#ask(it)));
  }

  #stateChanged() {
    if (this.connection.state === "open") void this.#askAll();
    this.#watch();
    this.emit("change");
  }

  // A browser cannot ping: a network that swallows everything looks like tasks that wait.
  #watch() {
    clearTimeout(this.#silence);
    const { state } = this.connection;
    if (state !== "open" || !this.#tasks.some(({ followed }) => followed)) return;
    this.#silence = setTimeout(() => void this.#check(), SILENCE_MS);
  }

  async #check() {
    const { connection } = this;
    const missed = await this.#askAll();
    if (missed.includes(true) && connection.state === "open") connection.renew();
    this.#watch();
  }

  #changed() {
    this.#store.keepUploads(this.#tasks, { leaving: document.hidden });
    this.emit("change");
  }
}
