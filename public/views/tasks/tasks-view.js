import { Announcer } from "../../page/announcer.js";
import { find } from "../../page/element.js";
import { texts } from "../../page/texts.js";
import { DropZone } from "./drop-zone.js";
import { sentenceOf, TaskRow } from "./task-row.js";
import { MAX_BYTES } from "./upload.js";
import { AT_ONCE } from "./uploads.js";
import { isWordResult, summaryOf } from "./word-result.js";

/** @typedef {import("./task.js").Task} Task */
/** @typedef {import("./task-row.js").Action} Action */

/** The tasks on the page: where files are chosen, and a row for each task. */
export class TasksView {
  #section = find("#taskView", HTMLElement);
  #list = find("#taskList", HTMLElement);
  #empty = find("#noTasks", HTMLElement);
  #clear = find("#clearTasks", HTMLElement);
  #hint = find("#taskHint", HTMLElement);
  #news = new Announcer(find("#taskNews", HTMLElement), (count) => texts().tasksEnded(count));
  #zone = new DropZone((files, folders) => this.#take(files, folders));
  #tasks;
  #rows = /** @type {Map<Task, TaskRow>} */ (new Map());
  #frame = 0;

  /** @param {import("./tasks.js").Tasks} tasks */
  constructor(tasks) {
    this.#tasks = tasks;
    this.#label();
    this.#clear.addEventListener("click", () => {
      tasks.clear();
      this.#zone.focus();
    });
    tasks.addEventListener("ended", (event) => {
      if (event instanceof CustomEvent) this.#announce(event.detail);
    });
  }

  /** @param {boolean} visible */
  set visible(visible) {
    this.#section.hidden = !visible;
    this.#zone.active = visible;
  }

  show() {
    this.#render();
  }

  focus() {
    this.#zone.focus();
  }

  /** Draws what has changed, at most once a frame. */
  refresh() {
    this.#frame ||= requestAnimationFrame(() => this.#render());
  }

  /** Draws all words again: the page speaks another language. */
  redraw() {
    this.#label();
    const open = new Set([...this.#rows].filter(([, row]) => row.open).map(([task]) => task));
    for (const [task, row] of this.#rows) this.#drop(task, row);
    this.#render();
    for (const [task, row] of this.#rows) row.open = open.has(task);
  }

  #label() {
    this.#empty.textContent = this.#tasks.emptyText;
    find("#dropRule", HTMLElement).textContent = texts().dropRule(MAX_BYTES, AT_ONCE);
  }

  /**
   * @param {File[]} files
   * @param {number} folders
   */
  #take(files, folders) {
    const refusal = files.length > 0 ? this.#tasks.add(files) : "";
    const folded = folders > 0 ? texts().noFolder : "";
    this.#hint.textContent = [refusal, folded].filter((text) => text !== "").join(" ");
  }

  /**
   * @param {Action} action
   * @param {Task} task
   */
  #act(action, task) {
    const next = this.#rows.get(task)?.element.nextElementSibling;
    this.#tasks[action](task);
    this.#render();
    if (action !== "remove") return;
    const button = next?.querySelector("button:not([hidden])");
    if (button instanceof HTMLElement) button.focus();
    else this.#zone.focus();
  }

  #render() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const { list } = this.#tasks;
    this.#empty.hidden = list.length > 0;
    this.#clear.hidden = !list.some(({ ended }) => ended);
    for (const [task, row] of this.#rows) if (!list.includes(task)) this.#drop(task, row);
    // What is there already must not be moved: that would take the focus away.
    /** @type {ChildNode | null} */
    let place = this.#list.firstChild;
    for (const task of list) {
      const { element } = this.#rowOf(task);
      if (element === place) place = place.nextSibling;
      else this.#list.insertBefore(element, place);
    }
  }

  /**
   * @param {Task} task
   * @param {TaskRow} row
   */
  #drop(task, { element }) {
    element.remove();
    this.#rows.delete(task);
  }

  /** @param {Task} task */
  #rowOf(task) {
    const row = this.#rows.get(task) ?? new TaskRow(task, (action) => this.#act(action, task));
    this.#rows.set(task, row);
    const had = row.hasResult;
    row.update();
    // One result is unfolded by itself; who wants to see more of them unfolds them.
    if (row.hasResult && !had && ![...this.#rows.values()].some(({ open }) => open))
      row.open = true;
    return row;
  }

  /** @param {Task} task */
  #announce(task) {
    if (!this.#news.admit(1)) return;
    const text = isWordResult(task.result) ? summaryOf(task.result) : sentenceOf(task);
    this.#news.say(texts().labelled(task.name, text));
  }
}
