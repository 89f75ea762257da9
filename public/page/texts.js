import { language } from "./language.js";
import { en } from "./texts/en.js";
import { zhHant } from "./texts/zh-hant.js";

const TABLES = { en, "zh-Hant": zhHant };

/** What each language calls itself. */
const NAMES = { en: "English", "zh-Hant": "繁體中文" };

/** Attributes of the page itself that are texts, by the name under which it says which text. */
const ATTRIBUTES = { label: "aria-label", placeholder: "placeholder" };

/**
 * The texts of the page, in the language that it speaks now.
 *
 * @returns {typeof en}
 */
export function texts() {
  return TABLES[language.tag];
}

/**
 * What is said of something that may be looked at in another language later: a text of a server, which
 * stays as it is, or a function that gives one of the page.
 *
 * @param {string | (() => string)} said
 */
export function inText(said) {
  return typeof said === "function" ? said() : said;
}

/** Fills in what the page itself says: it is written in English. */
export function fillPage() {
  document.documentElement.lang = language.tag;
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = texts()[element.dataset.text];
  }
  for (const [name, attribute] of Object.entries(ATTRIBUTES)) {
    for (const element of document.querySelectorAll(`[data-${name}]`)) {
      element.setAttribute(attribute, texts()[element.dataset[name]]);
    }
  }
}

/** Offers the other language on `button`, in its own words. */
export function offerOther(button) {
  const { other } = language;
  button.lang = other;
  button.textContent = NAMES[other];
  button.hidden = false;
}
