import { find } from "../../page/element.js";
import { whyUnseen } from "./text-limit.js";

/** Where a message is written. What cannot be sent stays here, in sight. */
export class Composer {
  #form = find("#composer", HTMLElement);
  #input = find("#messageText", HTMLInputElement);
  #button = find("#send", HTMLElement);
  #hint = find("#hint", HTMLElement);

  /**
   * @param {(text: string) => string} send says why the text was not taken, or nothing
   * @param {(text: string) => void} typed hears of what is there now and was not sent
   */
  constructor(send, typed) {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#input.focus();
      if (this.text === "") return;
      const refusal = whyUnseen(this.text) || send(this.text);
      if (refusal === "") {
        this.text = "";
        typed("");
      } else this.#hint.textContent = refusal;
    });
    this.#input.addEventListener("input", () => {
      this.#hint.textContent = "";
      typed(this.text);
    });
  }

  /** @param {boolean} visible */
  set visible(visible) {
    this.#form.hidden = !visible;
  }

  get text() {
    return this.#input.value;
  }

  set text(text) {
    this.#input.value = text;
    this.#hint.textContent = "";
  }

  /**
   * Says whether a message would be taken now. The button is only marked as disabled: a really
   * disabled one would drop the focus and leave Enter without an answer.
   * @param {boolean} ready
   */
  set ready(ready) {
    if (this.#button.ariaDisabled === String(!ready)) return;
    this.#button.ariaDisabled = String(!ready);
    if (ready) this.#hint.textContent = "";
  }

  focus() {
    this.#input.focus();
  }
}
