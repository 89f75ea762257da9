import { inText, texts } from "../../page/texts.js";
import { encodingOf } from "./encoding.js";

/** The longest input that the server takes. */
export const MAX_BYTES = 100 * 1024 * 1024;

/** A network that takes or brings nothing for this long is given up. */
const STALLED_MS = 30_000;

/** Why a file was not taken. The message is for people, and says what to do. */
export class UploadFailed extends Error {
  /** @override */
  name = "UploadFailed";
  /** The message, in whatever language the page speaks: see `inText`. */
  said;
  /** Whether the same file would be refused again. */
  isFinal;

  /**
   * @param {string | (() => string)} said
   * @param {{ isFinal?: boolean }} options
   */
  constructor(said, { isFinal = false } = {}) {
    super(inText(said));
    this.said = said;
    this.isFinal = isFinal;
  }
}

/** Statuses of what depends on the file and the server alone: no such task, too large, no text. */
const FINAL = [404, 413, 415];

/**
 * @typedef {object} UploadOptions
 * @property {AbortSignal} signal breaks it off; the promise is then rejected with its reason
 * @property {(part: number) => void} onProgress how much has gone, 0 to 1
 * @property {() => void} onSent all has gone: the task may have begun
 */

/** @typedef {{ id: string, status: import("./task.js").Status }} Begun */

/**
 * Sends a file to the server, which begins a task with it. `fetch` cannot tell how much has gone,
 * so this is an `XMLHttpRequest`.
 *
 * @param {File} file
 * @param {UploadOptions} options
 * @returns {Promise<Begun>}
 * @throws {UploadFailed}
 */
export async function upload(file, options) {
  if (file.size > MAX_BYTES) throw tooLarge(file);
  await expectText(file);
  options.signal.throwIfAborted();
  return send(file, options);
}

/**
 * @param {File} file
 * @param {UploadOptions} options
 * @returns {Promise<Begun>}
 */
function send(file, { signal, onProgress, onSent }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let sent = false;
    const watch = stopwatch(STALLED_MS, () => fail(stalled(sent)));
    /** @param {Error} error */
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

/**
 * @param {number} ms
 * @param {() => void} late
 */
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

/** @param {File} file */
async function expectText(file) {
  // One that cannot be read any more cannot be sent, which says so.
  const encoding = await encodingOf(file).catch(() => "unknown");
  const reason = noText(encoding, file);
  if (reason !== undefined) throw new UploadFailed(reason, { isFinal: true });
}

/**
 * @param {string} encoding
 * @param {File} file
 */
function noText(encoding, { type }) {
  switch (encoding) {
    case "utf-16":
      return () => texts().isUtf16;
    case "big5":
      return () => texts().isBig5;
    case "binary":
      return noTextAtAll(type);
    default:
      return undefined;
  }
}

// A type that says text is wrong, and so says nothing.
/** @param {string} type */
function noTextAtAll(type) {
  return () => texts().noText(type.startsWith("text/") ? "" : type);
}

/** @param {File} file */
function tooLarge(file) {
  return new UploadFailed(() => texts().tooLarge(file.size, MAX_BYTES), { isFinal: true });
}

/** @param {boolean} sent */
function stalled(sent) {
  const seconds = STALLED_MS / 1_000;
  if (sent) return new UploadFailed(() => texts().unansweredUpload(seconds));
  return new UploadFailed(() => texts().stalledUpload(seconds));
}

// A browser does not tell whether it was the network or the file.
/** @param {boolean} sent */
function brokenOff(sent) {
  return new UploadFailed(() => (sent ? texts().brokeAfter : texts().brokeBefore));
}

/**
 * @param {XMLHttpRequest} request
 * @param {File} file
 */
function refused(request, file) {
  return new UploadFailed(sentence(request, file), { isFinal: FINAL.includes(request.status) });
}

/**
 * @param {XMLHttpRequest} request
 * @param {File} file
 */
function sentence(request, { size, type }) {
  const { status, responseText } = request;
  switch (status) {
    case 404:
      return () => texts().noSuchTask;
    case 413:
      return () => texts().tooLargeHere(size);
    case 415:
      return noTextAtAll(type);
    case 503: {
      const seconds = request.getResponseHeader("Retry-After");
      return () => texts().serverFull(seconds);
    }
    default:
      return () => texts().serverAnswered(status, responseText);
  }
}
