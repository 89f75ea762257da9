const SITE = "koa-subapps";

/** The title of the window: what is shown, and how many messages nobody has seen. */
export class Title {
  #demos;

  /** @param {import("./demo.js").Demo[]} demos whose unread messages count */
  constructor(demos) {
    this.#demos = demos;
  }

  /** @param {string} heading */
  show(heading) {
    const unread = this.#demos.reduce((sum, demo) => sum + demo.unread, 0);
    const title = `${unread > 0 ? `(${unread}) ` : ""}${heading} · ${SITE}`;
    if (document.title !== title) document.title = title;
  }
}
