import { Announcer } from "../../page/announcer.js";
import { onNewDay } from "../../page/calendar.js";
import { find } from "../../page/element.js";
import { inText, texts } from "../../page/texts.js";
import { createLine, separateDays, updateLine } from "./line.js";

/** @typedef {import("./history.js").Entry} Entry */
/** @typedef {import("./history.js").History} History */
/** @typedef {import("./echo.js").Echo | import("./room.js").Room} Conversation */

/** How far from the end, in pixels, still counts as reading the newest message. */
const NEAR = 48;

/** The list on the page. It shows one demo's history at a time, and follows it. */
export class Messages {
  #log = find("#log", HTMLElement);
  #list = find("#messages", HTMLElement);
  #empty = find("#empty", HTMLElement);
  #newest = find("#newest", HTMLElement);
  /** @type {Conversation | undefined} */
  #demo;
  /** @type {History | undefined} */
  #history;
  /**
   * The lines on the page, with a place and without, by entry.
   *
   * @type {Map<Entry, HTMLElement>}
   */
  #lines = new Map();
  /** How many entries of the history were ever drawn. */
  #shown = 0;
  #frame = 0;
  #following = true;
  #news = new Announcer(find("#news", HTMLElement), (count) => texts().newMessages(count));
  #failures = new Announcer(find("#news", HTMLElement), (count) => texts().messagesNotSent(count));

  /** @param {(action: "retry" | "discard", entry: Entry) => void} act */
  constructor(act) {
    this.#log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#newest.addEventListener("click", () => {
      this.follow();
      this.#log.focus();
    });
    this.#list.addEventListener("click", ({ target }) => {
      if (!(target instanceof HTMLElement)) return;
      const { action } = target.dataset;
      if (action !== "retry" && action !== "discard") return;
      const line = target.closest("li");
      for (const [entry, owner] of this.#lines) if (owner === line) act(action, entry);
      find("#messageText", HTMLElement).focus();
    });
    onNewDay(() => this.redraw());
    new ResizeObserver(() => {
      if (this.#following) this.#toEnd();
    }).observe(this.#log);
  }

  /** @param {boolean} visible */
  set visible(visible) {
    this.#log.hidden = !visible;
    if (!visible) this.#newest.hidden = true;
  }

  /**
   * Shows another demo's history, or another one of the same demo, from its newest message.
   *
   * @param {Conversation} demo
   */
  show(demo) {
    this.#demo = demo;
    this.#history = demo.history;
    this.#shown = this.#history.total - this.#history.length;
    this.#lines.clear();
    this.#news.reset();
    this.#failures.reset();
    this.#list.replaceChildren();
    this.#empty.textContent = demo.emptyText;
    this.#render(true);
    this.follow();
  }

  /** Scrolls to the newest message and stays there. */
  follow() {
    this.#following = true;
    this.#newest.hidden = true;
    this.#toEnd();
  }

  /** Draws what has changed in the history, at most once a frame however much arrives. */
  refresh() {
    this.#frame ||= requestAnimationFrame(() => this.#render(this.#demo?.replaying ?? false));
  }

  /** @param {boolean} silent */
  #render(silent) {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const history = this.#history;
    if (history === undefined) return;
    const before = this.#shown;
    const changed = history.takeChanged();
    // Messages that were already there are not news to a screen reader.
    const fresh = [...history.since(before), ...history.waiting].filter(
      (entry) => !this.#lines.has(entry),
    );
    const aloud = !silent && this.#mayBeRead(fresh, changed);
    this.#log.ariaLive = aloud ? "polite" : "off";
    for (const entry of changed) {
      const line = this.#lines.get(entry);
      if (line) updateLine(line, entry);
    }
    this.#place(history, history.since(before));
    this.#shown = history.total;
    this.#wait(history.waiting);
    separateDays(this.#list.children);
    this.#empty.hidden = this.#list.childElementCount > 0;
    if (this.#following) this.#toEnd();
    else if (this.#shown > before) this.#newest.hidden = false;
  }

  // What is written here is read out once: where it is drawn, or apart from a flood of others.
  /**
   * @param {Entry[]} fresh
   * @param {Set<Entry>} changed
   */
  #mayBeRead(fresh, changed) {
    const mine = fresh.filter(({ state }) => state !== undefined);
    const failed = [...changed].filter(({ state }) => state === "failed");
    const news = this.#news.admit(fresh.length - mine.length);
    const aloud = this.#failures.admit(failed.length) && news;
    const last = mine.at(-1);
    if (!aloud && last) this.#news.say(inText(last.text));
    return aloud;
  }

  /** Draws the words again that have changed: what yesterday was today has another name. */
  redraw() {
    if (this.#demo === undefined) return;
    this.#empty.textContent = this.#demo.emptyText;
    this.#log.ariaLive = "off";
    for (const [entry, line] of this.#lines) updateLine(line, entry);
    this.#render(true);
  }

  // Entries with a place go before those without. One that got its place just now is mostly the
  // first of those, and stays where it is.
  /**
   * @param {History} history
   * @param {Entry[]} entries
   */
  #place(history, entries) {
    /** @type {ChildNode | null} */
    let waiting = this.#list.querySelector(":scope > [data-waiting]");
    let fresh = document.createDocumentFragment();
    const flush = () => {
      this.#list.insertBefore(fresh, waiting);
      fresh = document.createDocumentFragment();
    };
    for (const entry of entries) {
      const known = this.#lines.get(entry);
      if (!known) {
        fresh.append(this.#draw(entry));
        continue;
      }
      flush();
      delete known.dataset.waiting;
      if (known === waiting) waiting = known.nextSibling;
      else this.#list.insertBefore(known, waiting);
    }
    flush();
    const placed = this.#list.querySelectorAll(":scope > :not([data-waiting])").length;
    for (let extra = placed - history.length; extra > 0; extra--) {
      this.#list.firstChild?.remove();
    }
    if (this.#lines.size > 2 * this.#list.childElementCount) this.#forget();
  }

  /** @param {Entry[]} entries */
  #wait(entries) {
    /** @type {Set<Element>} */
    const gone = new Set(this.#list.querySelectorAll(":scope > [data-waiting]"));
    for (const entry of entries) {
      const line = this.#lines.get(entry) ?? this.#draw(entry);
      line.dataset.waiting = "";
      if (!gone.delete(line)) this.#list.append(line);
    }
    for (const line of gone) line.remove();
  }

  /** @param {Entry} entry */
  #draw(entry) {
    const line = createLine(entry);
    this.#lines.set(entry, line);
    return line;
  }

  #forget() {
    for (const [entry, line] of this.#lines) if (!line.isConnected) this.#lines.delete(entry);
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    this.#following = scrollHeight - scrollTop - clientHeight < NEAR;
    if (this.#following) this.#newest.hidden = true;
  }

  #toEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
  }
}
