import { fieldsOf, isOffset, isPosition } from "../../page/position.js";

/**
 * What the server says, as the chat app declares it.
 *
 * @typedef {import("../../../apps/chat/protocol.ts").FromServer} FromServer
 */

/**
 * What this page says, too.
 *
 * @typedef {import("zod").infer<typeof import("../../../apps/chat/protocol.ts").say>} Say
 */

/**
 * What it says of one type.
 *
 * @template {FromServer["type"]} Type
 * @typedef {Extract<FromServer, { type: Type }>} Of
 */

/**
 * What each message of the server has to have for this page. What it has beside that is not read.
 *
 * @type {{ [Type in FromServer["type"]]: (message: { [Field in keyof Of<Type>]: unknown }) => boolean }}
 */
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

/** The types of message that this page knows. */
export const TYPES = Object.keys(SHAPES);

/**
 * A message of `chat.v1`.
 *
 * @param {string} data what came
 * @returns {FromServer | undefined} undefined for what this page cannot make sense of
 */
export function readMessage(data) {
  try {
    const message = JSON.parse(data);
    return isMessage(message) ? message : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {any} message
 * @returns {message is FromServer}
 */
function isMessage(message) {
  const [, fits] = Object.entries(SHAPES).find(([type]) => type === message.type) ?? [];
  return fits?.(message) ?? false;
}

/** @param {unknown} change */
function isChange(change) {
  const { type, member } = fieldsOf(change);
  return (type === "joined" || type === "left") && isText(fieldsOf(member).id);
}

/** @param {unknown} value */
function isText(value) {
  return typeof value === "string";
}
