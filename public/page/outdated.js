import { find } from "./element.js";
import { texts } from "./texts.js";

/** The line that says that the server speaks a newer protocol than this page, with a button to reload. */
export class Outdated {
  #text = find("#outdated", HTMLElement);
  #button = find("#reload", HTMLElement);

  constructor() {
    this.#button.addEventListener("click", () => location.reload());
  }

  /** Says so, until the page is reloaded. */
  show() {
    this.#button.hidden = false;
    this.refresh();
  }

  /** Says it again in the page's language, if it was said. */
  refresh() {
    const text = this.#button.hidden ? "" : texts().outdated;
    // Writing the same words again would make a screen reader say them again.
    if (this.#text.textContent !== text) this.#text.textContent = text;
  }
}
