import { percent } from "../../page/numbers.js";
import { inText, texts } from "../../page/texts.js";
import { isWordResult, summaryOf, wordResult } from "./word-result.js";

/** @typedef {import("./task.js").Task} Task */
/** @typedef {"cancel" | "retry" | "remove"} Action */

/** One task on the page. */
export class TaskRow {
  element = document.createElement("li");
  #task;
  #bar = document.createElement("progress");
  #state = part("span", "status");
  #result = document.createElement("details");
  #buttons;
  /** @type {unknown} */
  #drawn;

  /**
   * @param {Task} task
   * @param {(action: Action) => void} act
   */
  constructor(task, act) {
    this.#task = task;
    this.#buttons = {
      cancel: button(texts().cancel, task, () => act("cancel")),
      retry: button(texts().tryAgain, task, () => act("retry")),
      remove: button(texts().remove, task, () => act("remove")),
    };
    const name = part("h3", "file", task.name);
    name.dir = "auto";
    const actions = part("div", "actions");
    actions.append(...Object.values(this.#buttons));
    this.#bar.ariaLabel = task.name;
    this.#result.className = "result";
    this.#result.hidden = true;
    const { element } = this;
    element.className = "task";
    const line = part("p", "about-task");
    line.append(part("span", "size", texts().size(task.bytes)), " · ", this.#state);
    element.append(name, actions, this.#bar, line, this.#result);
  }

  /** Whether its result is there and unfolded. */
  get open() {
    return !this.#result.hidden && this.#result.open;
  }

  set open(open) {
    this.#result.open = open;
  }

  /** Whether there is a result to see. */
  get hasResult() {
    return !this.#result.hidden;
  }

  /** Draws what has changed. */
  update() {
    const task = this.#task;
    this.element.dataset.status = task.status;
    this.#bar.hidden = task.ended || task.status === "unknown";
    this.#bar.value = task.status === "queued" ? 0 : task.progress;
    const text = sentenceOf(task);
    this.#bar.ariaValueText = text;
    if (this.#state.textContent !== text) this.#state.textContent = text;
    this.#buttons.cancel.ariaDisabled = String(task.cancelling);
    this.#offer({
      cancel: !task.ended,
      retry: task.ended && task.status !== "succeeded" && task.file !== undefined,
      remove: task.ended,
    });
    this.#drawResult();
  }

  // Who has pressed a button that goes away is led to the next one.
  /** @param {Record<Action, boolean>} offered */
  #offer(offered) {
    const focused = document.activeElement;
    const { cancel, retry, remove } = this.#buttons;
    cancel.hidden = !offered.cancel;
    retry.hidden = !offered.retry;
    remove.hidden = !offered.remove;
    const buttons = [cancel, retry, remove];
    if (!buttons.some((it) => it === focused && it.hidden)) return;
    buttons.find((it) => !it.hidden)?.focus();
  }

  #drawResult() {
    const { result, status } = this.#task;
    const shown = status === "succeeded" && isWordResult(result) ? result : undefined;
    this.#result.hidden = shown === undefined;
    if (shown === undefined || this.#drawn === shown) return;
    this.#drawn = shown;
    const summary = document.createElement("summary");
    summary.textContent = summaryOf(shown);
    const counted = part("div", "counted");
    counted.append(...wordResult(shown));
    this.#result.replaceChildren(summary, counted);
  }
}

/**
 * How a task is, in words.
 *
 * @param {Task} task
 */
export function sentenceOf(task) {
  if (task.cancelling) return texts().cancelling;
  const text = stateOf(task);
  return task.note ? `${text} · ${inText(task.note)}` : text;
}

/** @param {Task} task */
function stateOf({ status, progress, sent, error }) {
  switch (status) {
    case "waiting":
      return texts().taskWaiting;
    case "uploading":
      return sent ? texts().taskSent : texts().taskUploading(percent(progress));
    case "unknown":
      return texts().taskUnknown;
    case "queued":
      return texts().taskQueued;
    case "running":
      return texts().taskRunning(percent(progress));
    case "succeeded":
      return texts().taskSucceeded;
    case "cancelled":
      return texts().taskCancelled;
    case "forgotten":
      return texts().taskForgotten;
    case "failed":
      return texts().taskFailed(inText(error));
    default:
      return texts().taskRefused(inText(error));
  }
}

/**
 * @param {string} text
 * @param {Task} task
 * @param {() => void} press
 */
function button(text, { name }, press) {
  const made = part("button", "quiet", text);
  made.type = "button";
  made.ariaLabel = texts().labelled(text, name);
  made.addEventListener("click", press);
  return made;
}

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} element
 * @param {string} className
 * @param {string} text
 */
function part(element, className, text = "") {
  const made = document.createElement(element);
  made.className = className;
  made.textContent = text;
  return made;
}
