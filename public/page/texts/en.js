import { byCount, inWords, size } from "../numbers.js";

/** @param {number} count */
const bytes = (count) => `${inWords(count)} ${byCount(count, { one: "byte", other: "bytes" })}`;
/** @param {number} count */
const messages = (count) =>
  `${inWords(count)} ${byCount(count, { one: "message", other: "messages" })}`;
/** @param {number} count */
const words = (count) => `${inWords(count)} ${byCount(count, { one: "word", other: "words" })}`;

const NAME_RULE = "1 to 64 characters: letters, marks and digits of any script, _ and -.";
const OFFLINE = "This browser is offline.";
const SAVE_AS =
  "Save it as UTF-8, and choose it again: an editor has that in “Save as”, Excel as “CSV UTF-8”.";
const BEGUN = "The task may have begun all the same; trying again begins another one.";

/** What the page says in English. A text with something in it is a function. */
export const en = {
  // The page
  demos: "Demos",
  forgetful: "Nothing here will be remembered: this browser's storage is blocked or full.",
  outdated: "The server speaks a newer version than this page.",
  reload: "Reload",
  /** @type {(count: number) => string} */
  unread: (count) => `${inWords(count)} new`,
  /** @type {(count: number) => string} */
  unreadMore: (count) => `${inWords(count)}+ new`,
  /** @type {(label: string, text: string) => string} */
  labelled: (label, text) => `${label}: ${text}`,
  /** @type {(count: number) => string} */
  size: (count) => size(count, bytes),
  nameRule: NAME_RULE,

  // A connection
  idle: "Not connected",
  connecting: "Connecting",
  open: "Connected",
  local: "Answering",
  silent: "No answer",
  offline: "Offline",
  interrupted: "Reconnecting",
  closed: "Closed",
  /** @type {(place: string) => string} */
  connectingTo: (place) => `Connecting to ${place}`,
  /** @type {(place: string) => string} */
  connectedTo: (place) => `Connected to ${place}`,
  /** @type {(place: string) => string} */
  answersOffline: (place) => `${OFFLINE} The server at ${place} answers all the same.`,
  silentNow: "The server does not answer. Waiting a little before connecting anew.",
  offlineNow: `${OFFLINE} Nothing new can come.`,
  lostOffline: `${OFFLINE} Reconnecting by itself.`,
  lost: "Connection lost. Reconnecting by itself.",
  connectAgain: "Connect again",
  tryNow: "Try now",
  /** @type {(meaning: string, reason: string) => string} */
  closedWith: (meaning, reason) => (reason === "" ? `${meaning}.` : `${meaning}: ${reason}`),
  close1000: "The server ended the connection",
  close1002: "The server did not understand this browser",
  close1003: "The server does not take this kind of message",
  close1007: "The server could not read the last message",
  close1008: "The server refused this client",
  close1009: "The last message was too large",
  /** @type {(code: number) => string} */
  closeOther: (code) => `The server ended the connection with code ${code}`,

  // Messages
  messages: "Messages",
  newest: "Newest messages",
  message: "Message",
  writeMessage: "Write a message",
  send: "Send",
  /** @type {(count: number) => string} */
  newMessages: (count) =>
    `${inWords(count)} new ${byCount(count, { one: "message", other: "messages" })}`,
  /** @type {(count: number) => string} */
  messagesNotSent: (count) => `${messages(count)} not sent`,
  sending: "sending",
  sent: "sent",
  failed: "not sent",
  retry: "Retry",
  discard: "Discard",
  unseen: "There is nothing to be seen in this message.",
  /** @type {(count: number) => string} */
  tooLongBy: (count) => `Too long by ${bytes(count)}.`,

  // The echo
  echoTitle: "Echo",
  echoSummary: "The server answers every message with the same text.",
  echoEmpty: "Nothing yet. Write something and the server will repeat it.",
  notSent: "Not sent. Your message stays here until you send it again.",
  notAnswered: "The server has not answered it.",
  /** @type {(most: number) => string} */
  tooManyOwed: (most) =>
    `${messages(most)} wait for their answers. This one stays here until some have come.`,

  // The room
  roomTitle: "Room",
  /** @type {(name: string) => string} */
  roomHeading: (name) => `Room ${name}`,
  roomSummary: "Everyone here reads every message. Open the link in a second window and try it.",
  roomEmpty: "Nobody has said anything here yet.",
  aboutRoom: "About this room",
  members: "Members",
  /** @type {(count: number) => string} */
  moreMembers: (count) => `and ${inWords(count)} more`,
  you: "you",
  roomAndName: "Room and name",
  room: "Room",
  enter: "Enter",
  newRoom: "New room",
  yourName: "Your name",
  change: "Change",
  copyLink: "Copy link",
  roomLink: "Link to this room",
  copied: "Copied",
  copyFromHere: "Copy it from here",
  sendFirst: "Your messages have to be sent first.",
  notConnected: "Not connected. Your message stays here until you connect again.",
  noRoomName: `This cannot be a room's name. Take ${NAME_RULE}`,
  /** @type {(most: number) => string} */
  outboxFull: (most) =>
    `${messages(most)} are waiting to be sent. This one stays here until some have gone.`,
  missed: "Some messages were missed",
  maybeMissed: "Some messages may have been missed",
  /** @type {(count: number) => string} */
  away: (count) => `You were away, ${messages(count)}`,
  /** @type {(room: string, count: number) => string} */
  waitingIn: (room, count) => `Not sent yet, and waiting in room ${room}: ${inWords(count)}`,
  /** @type {(reason: string) => string} */
  refusedMessage: (reason) => `The server refused a message: ${reason}`,

  // The tasks
  tasksTitle: "Tasks",
  tasksSummary: "The server counts the words of a text while you watch, and also when you do not.",
  tasksEmpty: "Nothing yet. Choose a text, and watch it being counted.",
  dropHere: "Drop texts here, or",
  chooseFiles: "Choose files",
  textsToCount: "Texts to count",
  /** @type {(most: number, atOnce: number) => string} */
  dropRule: (most, atOnce) =>
    `Texts in UTF-8, up to ${size(most, bytes)} each. ${atOnce} upload at a time, and the others wait.`,
  noFolder: "A folder cannot be taken: choose the files in it.",
  /** @type {(taken: number, all: number, most: number) => string} */
  filesTaken: (taken, all, most) =>
    `${inWords(taken)} of ${inWords(all)} files were taken: ${most} tasks at once is the most. Add the others when some have ended.`,
  removeEnded: "Remove all that have ended",
  endsOfTasks: "Ends of tasks",
  /** @type {(count: number) => string} */
  tasksEnded: (count) =>
    `${inWords(count)} ${byCount(count, { one: "task has", other: "tasks have" })} ended`,
  cancel: "Cancel",
  tryAgain: "Try again",
  remove: "Remove",
  cancelling: "Cancelling",
  taskWaiting: "Waits for its turn to upload",
  /** @type {(part: string) => string} */
  taskUploading: (part) => `Uploading ${part}`,
  taskSent: "Uploaded, and not answered yet",
  taskUnknown: "Asking the server how it is",
  taskQueued: "Queued at the server",
  /** @type {(part: string) => string} */
  taskRunning: (part) => `Counting ${part}`,
  taskSucceeded: "Done",
  taskCancelled: "Cancelled",
  taskForgotten:
    "The server does not know this task any more: it was restarted, or the task ended more than an hour ago. Choose the file again to count it again.",
  /** @type {(error: string) => string} */
  taskFailed: (error) => `Failed: ${error}`,
  /** @type {(error: string) => string} */
  taskRefused: (error) => `Not uploaded. ${error}`,
  notCancelled: "It could not be cancelled: the server cannot be reached. Try again.",
  leftEarly: "The page was left before the upload had ended. Choose the file again.",

  // An upload
  isUtf16: `This text is in UTF-16, and the server reads UTF-8. ${SAVE_AS}`,
  isBig5: `This text looks like Big5, and the server reads UTF-8. ${SAVE_AS}`,
  /** @type {(type: string) => string} */
  noText: (type) =>
    `The server counts the words of texts, and this is ${type || "none"}. Choose a text.`,
  /** @type {(length: number, most: number) => string} */
  tooLarge: (length, most) =>
    `Too large: it has ${size(length, bytes)}, and the server takes ${size(most, bytes)} at most. Split it, and choose the parts.`,
  /** @type {(length: number) => string} */
  tooLargeHere: (length) =>
    `Too large: the server does not take ${size(length, bytes)}. Split it, and choose the parts.`,
  /** @type {(seconds: number) => string} */
  unansweredUpload: (seconds) => `The server has not answered for ${seconds} s. ${BEGUN}`,
  /** @type {(seconds: number) => string} */
  stalledUpload: (seconds) => `Nothing has gone to the server for ${seconds} s. Try again later.`,
  brokeAfter: `The connection broke before the server answered. ${BEGUN}`,
  brokeBefore:
    "The upload broke off: the server cannot be reached, or the file cannot be read any more. Try again, or choose it again.",
  noSuchTask: "This server counts no words: it has no such task. Nothing here can change that.",
  /** @type {(seconds: string | null) => string} */
  serverFull: (seconds) =>
    `The server has as many tasks as it can hold. Try again in ${seconds ?? "some"} seconds.`,
  /** @type {(status: number, text: string) => string} */
  serverAnswered: (status, text) => `The server answered ${status}: ${text}. Try again later.`,

  // What was counted
  words,
  linesCounted: "Lines",
  wordsCounted: "Words",
  bytesCounted: "Bytes",
  /** @type {(count: number) => string} */
  barsOf: (count) =>
    `The ${byCount(count, { one: "most frequent word as a bar", other: `${count} most frequent words as bars` })}; the table has them all`,
  /** @type {(count: number) => string} */
  mostFrequent: (count) =>
    byCount(count, { one: "The only word", other: `The ${count} most frequent words` }),
  word: "Word",
  count: "Count",
  share: "Share",
};
