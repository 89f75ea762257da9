/** How far from the end, in pixels, still counts as reading the newest message. */
const NEAR = 48;

/** The list on the page. It shows one history at a time, and follows it. */
export class Messages {
  #log = document.querySelector("#log");
  #list = document.querySelector("#messages");
  #empty = document.querySelector("#empty");
  #newest = document.querySelector("#newest");
  #history = null;
  #shown = 0;
  #frame = 0;
  #following = true;

  constructor() {
    this.#log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#newest.addEventListener("click", () => {
      this.follow();
      this.#log.focus();
    });
    new ResizeObserver(() => {
      if (this.#following) this.#toEnd();
    }).observe(this.#log);
  }

  /** Shows another history, from its newest message. */
  show(history, emptyText) {
    this.#history = history;
    this.#shown = history.total - history.length;
    // Messages that were already there are not news to a screen reader.
    this.#log.setAttribute("aria-live", "off");
    this.#list.replaceChildren();
    this.#empty.textContent = emptyText;
    this.#render();
    this.follow();
    requestAnimationFrame(() => this.#log.setAttribute("aria-live", "polite"));
  }

  /** Scrolls to the newest message and stays there. */
  follow() {
    this.#following = true;
    this.#newest.hidden = true;
    this.#toEnd();
  }

  /** Draws what was added to the history, at most once a frame however much arrives. */
  refresh() {
    this.#frame ||= requestAnimationFrame(() => this.#render());
  }

  #render() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#list.append(...this.#history.since(this.#shown).map(toItem));
    this.#shown = this.#history.total;
    while (this.#list.childElementCount > this.#history.length) this.#list.firstChild.remove();
    this.#empty.hidden = this.#history.length > 0;
    if (this.#following) this.#toEnd();
    else this.#newest.hidden = false;
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

function toItem({ text, from }) {
  const item = document.createElement("li");
  item.dir = "auto";
  item.dataset.from = from;
  item.textContent = text;
  return item;
}
