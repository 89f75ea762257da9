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
    // The whole page: a file that is dropped beside the zone would be opened in its place.
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
    if (!this.#takes(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    this.#mark(true);
  }

  #drop(event) {
    if (!this.#takes(event)) return;
    event.preventDefault();
    this.#mark(false);
    const items = [...event.dataTransfer.items].filter(({ kind }) => kind === "file");
    const files = items.filter((item) => !isFolder(item)).map((item) => item.getAsFile());
    this.#take(files, items.length - files.length);
  }

  // A text that somebody drags is not for here.
  #takes({ dataTransfer }) {
    return this.active && dataTransfer.types.includes("Files");
  }

  #mark(over) {
    this.#zone.toggleAttribute("data-over", over);
  }
}

// Among files a folder looks like one that cannot be read.
function isFolder(item) {
  return item.webkitGetAsEntry()?.isDirectory === true;
}
