import { isClientId, RULE } from "./client-id.js";

/** The form that shows the client id in the room and changes it. */
export class Identity {
  #form = document.querySelector("#identity");
  #input = document.querySelector("#clientId");
  #rule = document.querySelector("#clientIdRule");

  /** @param {import("./room.js").Room} room */
  constructor(room) {
    this.#input.value = room.id;
    this.#rule.textContent = RULE;
    this.#input.addEventListener("input", () => this.#check());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#check()) room.rename(this.#input.value);
      else this.#input.focus();
    });
  }

  set visible(visible) {
    this.#form.hidden = !visible;
  }

  #check() {
    const valid = isClientId(this.#input.value);
    this.#input.ariaInvalid = String(!valid);
    return valid;
  }
}
