import { find } from "../../page/element.js";
import { texts } from "../../page/texts.js";

/** How long the button says that it has copied. */
const FEEDBACK_MS = 2_500;

/** The link to the room, to be given to others. */
export class Share {
  #row = find("#share", HTMLElement);
  #button = find("#copyLink", HTMLElement);
  #link = find("#roomLink", HTMLInputElement);
  #feedback = find("#copied", HTMLElement);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  constructor() {
    this.#button.addEventListener("click", () => void this.#copy());
  }

  /**
   * The part of the link after `#`; nothing hides the button.
   *
   * @param {string} place
   */
  set place(place) {
    this.#row.hidden = place === "";
    const link = new URL(`#${place}`, location.href).href;
    if (this.#link.value === link) return;
    this.#link.value = link;
    this.#link.hidden = true;
    this.#say("");
  }

  // Without https there is no clipboard but on the machine itself; nor with a browser that says no.
  async #copy() {
    try {
      await navigator.clipboard.writeText(this.#link.value);
      this.#say(texts().copied);
      this.#timer = setTimeout(() => this.#say(""), FEEDBACK_MS);
    } catch {
      this.#link.hidden = false;
      this.#link.select();
      this.#say(texts().copyFromHere);
    }
  }

  /** @param {string} text */
  #say(text) {
    clearTimeout(this.#timer);
    this.#feedback.textContent = text;
  }
}
