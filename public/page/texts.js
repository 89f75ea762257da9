import { language } from "./language.js";
import { en } from "./texts/en.js";
import { zhHant } from "./texts/zh-hant.js";

/** @type {Record<import("./language.js").Tag, typeof en>} */
const TABLES = { en, "zh-Hant": zhHant };

/** What each language calls itself. */
const NAMES = { en: "English", "zh-Hant": "繁體中文" };

/** Attributes of the page itself that are texts, by the attribute that says which text. */
const ATTRIBUTES = /** @type {const} */ ([
  ["data-label", "aria-label"],
  ["data-placeholder", "placeholder"],
]);

/**
 * The texts of the page, in the language that it speaks now.
 *
 * @returns {typeof en}
 */
export function texts() {
  return TABLES[language.tag];
}

/** @typedef {string | (() => string)} Said */

/**
 * What is said of something that may be looked at in another language later: a text of a server, which
 * stays as it is, or a function that gives one of the page.
 *
 * @param {Said} said
 */
export function inText(said) {
  return typeof said === "function" ? said() : said;
}

/** Fills in what the page itself says: it is written in English. */
export function fillPage() {
  document.documentElement.lang = language.tag;
  for (const element of all("data-text")) element.textContent = textOf(element, "data-text");
  for (const [data, attribute] of ATTRIBUTES) {
    for (const element of all(data)) element.setAttribute(attribute, textOf(element, data));
  }
}

/** @param {string} attribute */
function all(attribute) {
  return document.querySelectorAll(`[${attribute}]`);
}

/**
 * @param {Element} element
 * @param {string} attribute where it says which text it is
 */
function textOf(element, attribute) {
  const key = element.getAttribute(attribute);
  const [, text] = Object.entries(texts()).find(([name]) => name === key) ?? [];
  if (typeof text === "string") return text;
  throw new TypeError(`expected ${attribute}="${key}" to name a text without parts`);
}

/**
 * Offers the other language on `button`, in its own words.
 *
 * @param {HTMLElement} button
 */
export function offerOther(button) {
  const { other } = language;
  button.lang = other;
  button.textContent = NAMES[other];
  button.hidden = false;
}
