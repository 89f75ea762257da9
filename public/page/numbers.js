const whole = new Intl.NumberFormat();
const share = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });
const UNITS = ["bytes", "KiB", "MiB", "GiB"];

/** A whole number, as people here write it. */
export function inWords(number) {
  return whole.format(number);
}

/** How far something is. Never 100 % before the end. */
export function percent(part) {
  return share.format(Math.floor(part * 100) / 100);
}

/** A part of a whole, which may be small. */
export function shareOf(part, total) {
  return share.format(total > 0 ? part / total : 0);
}

/** A length in bytes, to two or three digits. */
export function size(bytes) {
  if (bytes === 1) return "1 byte";
  const unit = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), UNITS.length - 1);
  const number = bytes / 1024 ** unit;
  return `${number.toFixed(unit > 0 && number < 10 ? 1 : 0)} ${UNITS[unit]}`;
}
