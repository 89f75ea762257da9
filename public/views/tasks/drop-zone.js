import { find } from "../../page/element.js";

/** Where files are chosen: by the button, or by dropping them anywhere on the page. */
export class DropZone {
  /** Whether the page takes files now. */
  active = false;
  #zone = find("#drop", HTMLElement);
  #input = find("#files", HTMLInputElement);
  #button = find("#choose", HTMLElement);
  #take;

  /** @param {(files: File[], folders: number) => void} take */
  constructor(take) {
    this.#take = take;
    this.#button.addEventListener("click", () => this.#input.click());
    this.#input.addEventListener("change", () => {
      const files = [...(this.#input.files ?? [])];
      // So that the same file can be chosen again.
      this.#input.value = "";
      take(files, 0);
    });
    // The whole page, in every view: a browser would open a file in the place of the page.
    document.addEventListener("dragover", (event) => this.#over(event));
    document.addEventListener("dragleave", ({ relatedTarget }) => {
      if (relatedTarget === null) this.#mark(false);
    });
    document.addEventListener("drop", (event) => this.#drop(event));
  }

  focus() {
    this.#button.focus();
  }

  /** @param {DragEvent} event */
  #over(event) {
    const files = filesOf(event);
    if (files === undefined) return;
    event.preventDefault();
    files.dropEffect = this.active ? "copy" : "none";
    if (this.active) this.#mark(true);
  }

  /** @param {DragEvent} event */
  #drop(event) {
    const dropped = filesOf(event);
    if (dropped === undefined) return;
    event.preventDefault();
    this.#mark(false);
    if (!this.active) return;
    const items = [...dropped.items].filter(({ kind }) => kind === "file");
    const files = items
      .filter((item) => !isFolder(item))
      .map((item) => item.getAsFile())
      .filter((file) => file !== null);
    this.#take(files, items.length - files.length);
  }

  /** @param {boolean} over */
  #mark(over) {
    this.#zone.toggleAttribute("data-over", over);
  }
}

// A text that somebody drags is not for here.
/** @param {DragEvent} event */
function filesOf({ dataTransfer }) {
  return dataTransfer?.types.includes("Files") ? dataTransfer : undefined;
}

// Among files a folder looks like one that cannot be read.
/** @param {DataTransferItem} item */
function isFolder(item) {
  return item.webkitGetAsEntry()?.isDirectory === true;
}
