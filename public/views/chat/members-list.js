import { find } from "../../page/element.js";
import { texts } from "../../page/texts.js";

/** How many members are listed by name. */
const LIMIT = 200;

/** The list of members on the page: it is drawn at most once a frame. */
export class MembersList {
  #count = find("#memberCount", HTMLElement);
  #list = find("#memberList", HTMLElement);
  #room;
  #frame = 0;

  /** @param {import("./room.js").Room} room */
  constructor(room) {
    this.#room = room;
    room.addEventListener("members", () => this.refresh());
    this.refresh();
  }

  /** Draws it anew, at most once a frame. */
  refresh() {
    this.#frame ||= requestAnimationFrame(() => this.#render());
  }

  #render() {
    this.#frame = 0;
    const { members, you } = this.#room;
    const ids = members.ids;
    this.#count.textContent = String(ids.length);
    const items = ids.slice(0, LIMIT).map((id) => toItem(id, id === you));
    if (ids.length > LIMIT) items.push(toItem(texts().moreMembers(ids.length - LIMIT), false));
    this.#list.replaceChildren(...items);
  }
}

/**
 * @param {string} text
 * @param {boolean} mine
 */
function toItem(text, mine) {
  const item = document.createElement("li");
  const name = document.createElement("span");
  name.textContent = text;
  item.append(name);
  if (mine) {
    const you = document.createElement("span");
    you.className = "you";
    you.textContent = texts().you;
    item.append(" ", you);
  }
  return item;
}
