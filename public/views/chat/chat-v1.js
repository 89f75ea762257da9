import { isOffset, isPosition } from "../../page/position.js";

/** What each message of the server has to have for this page. What it has beside that is not read. */
const SHAPES = {
  welcome: ({ position, latest, members }) =>
    isPosition(position) &&
    isOffset(latest) &&
    Array.isArray(members) &&
    members.every((member) => isText(member?.id)),
  message: ({ offset, from, text }) => isOffset(offset) && isText(from) && isText(text),
  ack: ({ id, offset }) => isText(id) && isOffset(offset),
  joined: isChange,
  left: isChange,
  presence: ({ changes }) => Array.isArray(changes) && changes.every(isChange),
  error: ({ message }) => isText(message),
  pong: () => true,
};

/**
 * A message of `chat.v1`.
 *
 * @param {string} data what came
 * @returns {object | undefined} undefined for what this page cannot make sense of
 */
export function readMessage(data) {
  try {
    const message = JSON.parse(data);
    return Object.hasOwn(SHAPES, message.type) && SHAPES[message.type](message)
      ? message
      : undefined;
  } catch {
    return undefined;
  }
}

function isChange(change) {
  return (change?.type === "joined" || change?.type === "left") && isText(change.member?.id);
}

function isText(value) {
  return typeof value === "string";
}
