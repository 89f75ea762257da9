import { language } from "./language.js";

const UNITS = ["KiB", "MiB", "GiB"];

let formats = makeFormats();
language.addEventListener("change", () => {
  formats = makeFormats();
});

/**
 * A whole number, as readers of the page's language write it.
 *
 * @param {number} number
 */
export function inWords(number) {
  return formats.whole.format(number);
}

/**
 * How far something is. Never 100 % before the end.
 *
 * @param {number} part 0 to 1
 */
export function percent(part) {
  return formats.share.format(Math.floor(part * 100) / 100);
}

/**
 * A part of a whole, which may be small.
 *
 * @param {number} part
 * @param {number} total
 */
export function shareOf(part, total) {
  return formats.share.format(total > 0 ? part / total : 0);
}

/**
 * A length in bytes, to two or three digits.
 *
 * @param {number} bytes
 * @param {(bytes: number) => string} inBytes says a number of single bytes
 */
export function size(bytes, inBytes) {
  const unit = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), UNITS.length);
  if (unit === 0) return inBytes(bytes);
  const number = bytes / 1024 ** unit;
  const format = number < 10 ? formats.tenths : formats.rounded;
  return `${format.format(number)} ${UNITS[unit - 1]}`;
}

/**
 * Picks a form by number.
 *
 * @param {number} count
 * @param {Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }} forms by the names of `Intl.PluralRules`
 */
export function byCount(count, forms) {
  return forms[formats.plural.select(count)] ?? forms.other;
}

function makeFormats() {
  /** @param {Intl.NumberFormatOptions} [options] */
  const numbers = (options) => new Intl.NumberFormat(language.locale, options);
  /** @param {number} count */
  const digits = (count) => ({ minimumFractionDigits: count, maximumFractionDigits: count });
  return {
    whole: numbers(),
    share: numbers({ style: "percent", maximumFractionDigits: 1 }),
    tenths: numbers(digits(1)),
    rounded: numbers(digits(0)),
    plural: new Intl.PluralRules(language.tag),
  };
}
