import { dotOf, stateName } from "./state-line.js";
import { texts } from "./texts.js";

/** More messages than this are not counted on a tab. */
const MOST = 99;

/** The links that choose a demo. The choice lives in the address, so Back and bookmarks work. */
export class Tabs {
  #demos;
  #links = new Map();
  #chosen = () => {};

  /** @param {import("./demo.js").Demo[]} demos the first is shown when the address names none */
  constructor(demos) {
    this.#demos = demos;
    const list = document.querySelector("#tabs");
    for (const demo of demos) {
      const link = document.createElement("a");
      link.append(part("dot"), part("title"), part("note"), part("unread"));
      link.firstChild.ariaHidden = "true";
      this.#links.set(demo, link);
      const item = document.createElement("li");
      item.append(link);
      list.append(item);
      this.refresh(demo);
    }
    addEventListener("hashchange", () => this.#choose());
  }

  /** Calls `listener` with the demo that the address names, now and whenever it changes. */
  onChoose(listener) {
    this.#chosen = listener;
    this.#choose();
  }

  /** Shows a demo's state and how many of its messages wait to be read. */
  refresh(demo) {
    const link = this.#links.get(demo);
    link.href = `#${demo.place}`;
    link.dataset.state = dotOf(demo.connection);
    link.querySelector(".title").textContent = demo.title;
    link.querySelector(".note").textContent = stateName(demo.connection);
    const unread = link.querySelector(".unread");
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

function part(className, text = "") {
  const span = document.createElement("span");
  span.className = className;
  span.textContent = text;
  return span;
}
