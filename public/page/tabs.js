import { find, span } from "./element.js";
import { dotOf, stateName } from "./state-line.js";
import { texts } from "./texts.js";

/** More messages than this are not counted on a tab. */
const MOST = 99;

/**
 * The links that choose a demo. The choice lives in the address, so Back and bookmarks work.
 *
 * @template {import("./demo.js").Demo} Demo
 */
export class Tabs {
  #demos;
  #links = /** @type {Map<Demo, HTMLAnchorElement>} */ (new Map());
  /** @type {(demo: Demo, rest: string) => void} */
  #chosen = () => {};

  /** @param {Demo[]} demos the first is shown when the address names none */
  constructor(demos) {
    this.#demos = demos;
    const list = find("#tabs", HTMLElement);
    for (const demo of demos) {
      const link = document.createElement("a");
      const dot = span("dot");
      dot.ariaHidden = "true";
      link.append(dot, span("title"), span("note"), span("unread"));
      this.#links.set(demo, link);
      const item = document.createElement("li");
      item.append(link);
      list.append(item);
      /** @param {Demo} demo */
      this.refresh(demo);
    }
    addEventListener("hashchange", () => this.#choose());
  }

  /**
   * Calls `listener` with the demo that the address names, now and whenever it changes.
   *
   * @param {(demo: Demo, rest: string) => void} listener
   */
  onChoose(listener) {
    this.#chosen = listener;
    this.#choose();
  }

  /**
   * Shows a demo's state and how many of its messages wait to be read.
   *
   * @param {Demo} demo
   */
  refresh(demo) {
    const link = this.#links.get(demo);
    if (link === undefined) return;
    link.href = `#${demo.place}`;
    link.dataset.state = dotOf(demo.connection);
    find(".title", HTMLElement, link).textContent = demo.title;
    find(".note", HTMLElement, link).textContent = stateName(demo.connection);
    const unread = find(".unread", HTMLElement, link);
    unread.hidden = demo.unread === 0;
    unread.textContent =
      demo.unread > MOST ? texts().unreadMore(MOST) : texts().unread(demo.unread);
  }

  // `#room/fox` names a demo, and where in it.
  #choose() {
    const [, name, rest = ""] = /^#([^/]*)\/?(.*)$/.exec(location.hash) ?? [];
    const demo = this.#demos.find((candidate) => candidate.name === name) ?? this.#demos[0];
    for (const [owner, link] of this.#links) {
      if (owner === demo) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    this.#chosen(demo, rest);
  }
}
