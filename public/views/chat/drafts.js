import { windowKept } from "../../page/kept.js";

const PREFIX = "draft ";

/** Texts that were typed and not sent. Each belongs to the place it was typed in, over a reload too. */
export class Drafts {
  /** @param {string} place the part after `#` in the address */
  of(place) {
    return windowKept.read(PREFIX + place, isText) ?? "";
  }

  /**
   * Keeps what is typed in a place now; nothing forgets it.
   *
   * @param {string} place
   * @param {string} text
   */
  keep(place, text) {
    if (text === "") windowKept.remove(PREFIX + place);
    else windowKept.write(PREFIX + place, text);
  }
}

/**
 * @param {unknown} value
 * @returns {value is string}
 */
function isText(value) {
  return typeof value === "string";
}
