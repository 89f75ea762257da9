import { find } from "../../page/element.js";
import { composed, isName } from "../../page/names.js";

/** A form with a name in it: a room's, or one's own. */
export class NameForm {
  #input;
  #note;

  /**
   * @param {HTMLFormElement} form with one input, and an output for what stands in the way
   * @param {(name: string) => string} submit says why the name was not taken, or nothing
   */
  constructor(form, submit) {
    this.#input = find("input", HTMLInputElement, form);
    this.#note = find("output", HTMLOutputElement, form);
    this.#input.addEventListener("input", () => this.#check());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#check()) this.#note.textContent = submit(composed(this.#input.value));
      else this.#input.focus();
    });
  }

  /**
   * The name that is taken now. What somebody is typing makes room for another one only.
   *
   * @param {string} name
   */
  set value(name) {
    if (this.#input.defaultValue === name) return;
    this.#input.defaultValue = name;
    this.#input.value = name;
    this.#check();
  }

  #check() {
    const valid = isName(composed(this.#input.value));
    this.#input.ariaInvalid = String(!valid);
    this.#note.textContent = "";
    return valid;
  }
}
