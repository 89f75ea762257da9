/** Where files are chosen: by the button, or by dropping them anywhere on the page. */
export class DropZone {
  /** Whether the page takes files now. */
  active = false;
  #zone = document.querySelector("#drop");
  #input = document.querySelector("#files");
  #button = document.querySelector("#choose");
  #take;

  /** @param {(files: File[], folders: number) => void} take */
  constructor(take) {
    this.#take = take;
    this.#button.addEventListener("click", () => this.#input.click());
    this.#input.addEventListener("change", () => {
      const files = [...this.#input.files];
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

  #over(event) {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = this.active ? "copy" : "none";
    if (this.active) this.#mark(true);
  }

  #drop(event) {
    if (!hasFiles(event)) return;
    event.preventDefault();
    this.#mark(false);
    if (!this.active) return;
    const items = [...event.dataTransfer.items].filter(({ kind }) => kind === "file");
    const files = items.filter((item) => !isFolder(item)).map((item) => item.getAsFile());
    this.#take(files, items.length - files.length);
  }

  #mark(over) {
    this.#zone.toggleAttribute("data-over", over);
  }
}

// A text that somebody drags is not for here.
function hasFiles({ dataTransfer }) {
  return dataTransfer.types.includes("Files");
}

// Among files a folder looks like one that cannot be read.
function isFolder(item) {
  return item.webkitGetAsEntry()?.isDirectory === true;
}
