/** An address ends before what cannot stand in one, and before what a sentence goes on with. */
const ADDRESS = /\bhttps?:\/\/[^\s\p{C}<>"`{}|\\^「」『』【】《》〈〉，。、；：？！（）…]+/giu;

/** What stands behind an address rather than in it. */
const BEHIND = /[.,:;!?'*_~]+$/u;

/** What opens a bracket, by what closes it. */
const OPENING = new Map([
  [")", "("],
  ["]", "["],
]);

/** Longer ones are no addresses that anybody wants to open. */
const LONGEST = 2_048;

/**
 * A text with its http and https addresses as links. All of it shows as it was written.
 *
 * @param {string} text
 * @returns {(string | HTMLAnchorElement)[]}
 */
export function linked(text) {
  /** @type {(string | HTMLAnchorElement)[]} */
  const parts = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(ADDRESS)) {
    const address = withoutWhatFollows(found);
    if (address.length > LONGEST || !URL.canParse(address)) continue;
    parts.push(text.slice(end, index), linkTo(address));
    end = index + address.length;
  }
  parts.push(text.slice(end));
  return parts.filter((part) => part !== "");
}

/** @param {string} address */
function linkTo(address) {
  const link = document.createElement("a");
  link.href = address;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  link.textContent = address;
  return link;
}

// A bracket belongs to the address if it was opened there, as in Wikipedia's.
/** @param {string} found */
function withoutWhatFollows(found) {
  let address = found.replace(BEHIND, "");
  while (isUnopened(address)) address = address.slice(0, -1).replace(BEHIND, "");
  return address;
}

/** @param {string} address */
function isUnopened(address) {
  const last = address.slice(-1);
  const open = OPENING.get(last);
  if (open === undefined) return false;
  return address.split(open).length < address.split(last).length;
}
