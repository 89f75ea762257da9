import { find } from "../../page/element.js";

/** From this width on there is room for the panels beside the messages. */
const WIDE = matchMedia("(min-width: 50.0625rem)");

/** What belongs to the room beside its messages: open where there is room, else folded up. */
export class Panels {
  #side = find("#side", HTMLElement);
  #panels = [...this.#side.querySelectorAll("details")];

  constructor() {
    WIDE.addEventListener("change", () => this.#fold());
    this.#fold();
    // On a phone the panels take turns.
    for (const panel of this.#panels) {
      panel.addEventListener("toggle", () => {
        if (WIDE.matches || !panel.open) return;
        for (const other of this.#panels) other.open = other === panel;
      });
    }
  }

  /** @param {boolean} visible */
  set visible(visible) {
    this.#side.hidden = !visible;
  }

  #fold() {
    for (const panel of this.#panels) panel.open = WIDE.matches;
  }
}
