import { language } from "./language.js";

const DAY_MS = 24 * 60 * 60 * 1_000;

let formats = makeFormats();
let mark = markOf(new Date());
/** @type {Set<() => void>} */
const listeners = new Set();

/**
 * The day of a time in the reader's zone, as a word that is equal for equal days.
 *
 * @param {Date} date
 */
export function dayOf(date) {
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].join("-");
}

/**
 * What separates the messages of a day from those before: "Today", or its weekday and date.
 *
 * @param {Date} date
 */
export function dayName(date) {
  const days = daysAgo(date);
  if (days === 0 || days === 1) return formats.relative.format(-days, "day");
  return (inThisYear(date) ? formats.day : formats.dayOfYear).format(date);
}

/**
 * When something was said: the time alone today, and with its day on any other.
 *
 * @param {Date} date
 */
export function timeOf(date) {
  if (daysAgo(date) === 0) return formats.time.format(date);
  return (inThisYear(date) ? formats.dayAndTime : formats.dayOfYearAndTime).format(date);
}

/**
 * A time in full.
 *
 * @param {Date} date
 */
export function fullTimeOf(date) {
  return formats.full.format(date);
}

/**
 * Whether a text of a server was a time at all.
 *
 * @param {Date} date
 */
export function isTime(date) {
  return !Number.isNaN(date.getTime());
}

/**
 * Calls `listener` whenever what these functions say of a time may have changed.
 *
 * @param {() => void} listener
 */
export function onNewDay(listener) {
  listeners.add(listener);
}

/** @param {Date} date */
function daysAgo(date) {
  // Days of 23 and of 25 hours are days too.
  return Math.round((midnightOf(new Date()) - midnightOf(date)) / DAY_MS);
}

/** @param {Date} date */
function midnightOf(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** @param {Date} date */
function inThisYear(date) {
  return date.getFullYear() === new Date().getFullYear();
}

function makeFormats() {
  /** @param {Intl.DateTimeFormatOptions} options */
  const dates = (options) => new Intl.DateTimeFormat(language.locale, options);
  /** @type {Intl.DateTimeFormatOptions} */
  const time = { hour: isHalfDay() ? "numeric" : "2-digit", minute: "2-digit" };
  /** @type {Intl.DateTimeFormatOptions} */
  const short = { month: "short", day: "numeric" };
  /** @type {Intl.DateTimeFormatOptions} */
  const long = { weekday: "long", month: "long", day: "numeric" };
  /** @type {Intl.DateTimeFormatOptions} */
  const year = { year: "numeric" };
  return {
    time: dates(time),
    dayAndTime: dates({ ...short, ...time }),
    dayOfYearAndTime: dates({ ...year, ...short, ...time }),
    day: dates(long),
    dayOfYear: dates({ ...year, ...long }),
    full: dates({ dateStyle: "full", timeStyle: "medium" }),
    relative: new Intl.RelativeTimeFormat(language.locale, { numeric: "auto" }),
  };
}

// 3:55 in the afternoon, and 03:55 of a day of 24 hours.
function isHalfDay() {
  const { hour12 } = new Intl.DateTimeFormat(language.locale, {
    hour: "numeric",
  }).resolvedOptions();
  return hour12 === true;
}

// A reader who travels has another zone when the window is seen again.
/** @param {Date} date */
function markOf(date) {
  return `${dayOf(date)} ${new Intl.DateTimeFormat().resolvedOptions().timeZone}`;
}

function look() {
  const now = markOf(new Date());
  if (now === mark) return;
  mark = now;
  formats = makeFormats();
  for (const listener of listeners) listener();
}

function awaitMidnight() {
  const now = new Date();
  const next = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1);
  setTimeout(() => {
    look();
    awaitMidnight();
  }, next.getTime() - now.getTime());
}

awaitMidnight();
language.addEventListener("change", () => {
  formats = makeFormats();
});
// A machine that slept through midnight may be late with its timers.
document.addEventListener("visibilitychange", look);
addEventListener("pageshow", look);
