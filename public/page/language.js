import { browserKept } from "./kept.js";

const KEY = "language";

/** The languages that the page has its texts in, by the tag of BCP 47. The first is for all other readers. */
export const LANGUAGES = /** @type {const} */ (["en", "zh-Hant"]);

/** @typedef {(typeof LANGUAGES)[number]} Tag */

/**
 * In which language the page speaks: the one that the reader has chosen here, or else the first of the
 * browser's that the page has.
 *
 * Events: `change`.
 */
class Language extends EventTarget {
  #tag = browserKept.read(KEY, isLanguage) ?? firstOf(navigator.languages);

  /** The language's tag. */
  get tag() {
    return this.#tag;
  }

  /** The other language. */
  get other() {
    return this.#tag === "en" ? "zh-Hant" : "en";
  }

  /**
   * The language as the reader's region writes its times and numbers: `en-GB` for a browser in British
   * English, and `en-DE` for a German one.
   */
  get locale() {
    const locales = navigator.languages.map(localeOf).filter((locale) => locale !== undefined);
    const own = locales.find((locale) => languageOf(locale) === this.#tag);
    if (own !== undefined) return own.toString();
    const region = locales[0]?.maximize().region;
    return region === undefined ? this.#tag : `${this.#tag}-${region}`;
  }

  /**
   * Speaks another language from now on, and over a reload.
   *
   * @param {Tag} tag
   */
  choose(tag) {
    if (tag === this.#tag) return;
    this.#tag = tag;
    browserKept.write(KEY, tag);
    this.dispatchEvent(new Event("change"));
  }
}

/** The page's language. */
export const language = new Language();

/** @param {readonly string[]} tags */
function firstOf(tags) {
  const known = tags.map((tag) => languageOf(localeOf(tag)));
  return known.find((tag) => tag !== undefined) ?? LANGUAGES[0];
}

// Chinese has two scripts, and a tag says by its region which it means: `zh-TW` is `zh-Hant-TW`.
/** @param {Intl.Locale | undefined} locale */
function languageOf(locale) {
  const { language: name, script } = locale?.maximize() ?? {};
  return LANGUAGES.find((known) => known === name || known === `${name}-${script}`);
}

// Where the system has no language, Chromium says `en-US@posix`, which is no tag.
/** @param {string} tag */
function localeOf(tag) {
  try {
    return new Intl.Locale(tag.replace(/@.*/, ""));
  } catch {
    return undefined;
  }
}

/**
 * @param {unknown} value
 * @returns {value is Tag}
 */
function isLanguage(value) {
  return LANGUAGES.some((tag) => tag === value);
}
