/**
 * The first element of the page, or of a part of it, that a selector finds.
 *
 * @template {Element} T
 * @param {string} selector
 * @param {new () => T} type what it has to be
 * @param {ParentNode} within
 * @throws {TypeError} when there is none of that type
 */
export function find(selector, type, within = document) {
  const found = within.querySelector(selector);
  if (found instanceof type) return found;
  throw new TypeError(`expected an ${type.name} at ${selector}, but found ${found}`);
}

/**
 * A span of a class, with a text.
 *
 * @param {string} className
 * @param {string} text
 */
export function span(className, text = "") {
  const made = document.createElement("span");
  made.className = className;
  made.textContent = text;
  return made;
}
