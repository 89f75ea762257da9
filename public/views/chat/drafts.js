import { windowKept } from "../../page/kept.js";

const PREFIX = "draft ";

/** Texts that were typed and not sent. Each belongs to the place it was typed in, over a reload too. */
export class Drafts {
  /** @param {string} place the part after `#` in the address */
  of(place) {
    return windowKept.read(PREFIX + place, (value) => typeof value === "string") ?? "";
  }

  /** Keeps what is typed in a place now; nothing forgets it. */
  keep(place, text) {
    if (text === "") windowKept.remove(PREFIX + place);
    else windowKept.write(PREFIX + place, text);
  }
}
