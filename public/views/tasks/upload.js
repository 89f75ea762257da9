import { size } from "../../page/numbers.js";
import { encodingOf } from "./encoding.js";

/** The longest input that the server takes. */
export const MAX_BYTES = 100 * 1024 * 1024;

/** A network that takes or brings nothing for this long is given up. */
const STALLED_MS = 30_000;

/** Why a file was not taken. The message is for people, and says what to do. */
export class UploadFailed extends Error {
  name = "UploadFailed";
  /** Whether the same file would be refused again. */
  isFinal;

  /**
   * @param {string} message
   * @param {{ isFinal?: boolean }} options
   */
  constructor(message, { isFinal = false } = {}) {
    super(message);
    this.isFinal = isFinal;
  }
}

/** Statuses of what depends on the file and the server alone: no such task, too large, no text. */
const FINAL = [404, 413, 415];

/**
 * Sends a file to the server, which begins a task with it. `fetch` cannot tell how much has gone,
 * so this is an `XMLHttpRequest`.
 *
 * @param {File} file
 * @param {object} options
 * @param {AbortSignal} options.signal breaks it off; the promise is then rejected with its reason
 * @param {(part: number) => void} options.onProgress how much has gone, 0 to 1
 * @param {() => void} options.onSent all has gone: the task may have begun
 * @returns {Promise<{ id: string, status: string }>}
 * @throws {UploadFailed}
 */
export async function upload(file, options) {
  if (file.size > MAX_BYTES) throw tooLarge(file);
  await expectText(file);
  options.signal.throwIfAborted();
  return send(file, options);
}

function send(file, { signal, onProgress, onSent }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let sent = false;
    const watch = stopwatch(STALLED_MS, () => fail(stalled(sent)));
    const fail = (error) => {
      watch.stop();
      reject(error);
      request.abort();
    };
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      watch.again();
      onProgress(total > 0 ? loaded / total : 0);
    });
    request.upload.addEventListener("load", () => {
      sent = true;
      onSent();
    });
    request.addEventListener("error", () => fail(brokenOff(sent)));
    request.addEventListener("load", () => {
      if (request.status !== 202) return fail(refused(request, file));
      watch.stop();
      resolve(JSON.parse(request.responseText));
    });
    signal.addEventListener("abort", () => fail(signal.reason));
    request.open("POST", "tasks/wordcount");
    // What a browser takes a file for comes from its name: to Windows a CSV is a sheet of Excel.
    request.setRequestHeader("Content-Type", "text/plain");
    request.send(file);
  });
}

function stopwatch(ms, late) {
  let timer = setTimeout(late, ms);
  return {
    again() {
      clearTimeout(timer);
      timer = setTimeout(late, ms);
    },
    stop: () => clearTimeout(timer),
  };
}

async function expectText(file) {
  // One that cannot be read any more cannot be sent, which says so.
  const encoding = await encodingOf(file).catch(() => "unknown");
  const reason = noText(encoding, file);
  if (reason !== "") throw new UploadFailed(reason, { isFinal: true });
}

const SAVE_AS =
  "Save it as UTF-8, and choose it again: an editor has that in “Save as”, Excel as “CSV UTF-8”.";

function noText(encoding, { type }) {
  switch (encoding) {
    case "utf-16":
      return `This text is in UTF-16, and the server reads UTF-8. ${SAVE_AS}`;
    case "big5":
      return `This text looks like Big5, and the server reads UTF-8. ${SAVE_AS}`;
    case "binary":
      return noTextAtAll(type);
    default:
      return "";
  }
}

function noTextAtAll(type) {
  const what = type === "" || type.startsWith("text/") ? "none" : type;
  return `The server counts the words of texts, and this is ${what}. Choose a text.`;
}

function tooLarge(file) {
  return new UploadFailed(
    `Too large: it has ${size(file.size)}, and the server takes ${size(MAX_BYTES)} at most. ` +
      "Split it, and choose the parts.",
    { isFinal: true },
  );
}

const BEGUN = "The task may have begun all the same; trying again begins another one.";

function stalled(sent) {
  const seconds = STALLED_MS / 1_000;
  if (sent) return new UploadFailed(`The server has not answered for ${seconds} s. ${BEGUN}`);
  return new UploadFailed(`Nothing has gone to the server for ${seconds} s. Try again later.`);
}

// A browser does not tell whether it was the network or the file.
function brokenOff(sent) {
  if (sent) return new UploadFailed(`The connection broke before the server answered. ${BEGUN}`);
  return new UploadFailed(
    "The upload broke off: the server cannot be reached, or the file cannot be read any more. " +
      "Try again, or choose it again.",
  );
}

function refused(request, file) {
  return new UploadFailed(sentence(request, file), { isFinal: FINAL.includes(request.status) });
}

function sentence(request, file) {
  switch (request.status) {
    case 404:
      return "This server counts no words: it has no such task. Nothing here can change that.";
    case 413:
      return `Too large: the server does not take ${size(file.size)}. Split it, and choose the parts.`;
    case 415:
      return noTextAtAll(file.type);
    case 503: {
      const seconds = request.getResponseHeader("Retry-After") ?? "some";
      return `The server has as many tasks as it can hold. Try again in ${seconds} seconds.`;
    }
    default:
      return `The server answered ${request.status}: ${request.responseText}. Try again later.`;
  }
}
