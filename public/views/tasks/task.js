/** @type {Set<string>} */
const FINAL = new Set(["succeeded", "failed", "cancelled"]);
/** Those that end without the server. */
const ENDED = new Set([...FINAL, "refused", "forgotten"]);

/** @typedef {import("./task-api.js").TaskMessage} TaskMessage */
/** @typedef {import("../../page/texts.js").Said} Said */
/** @typedef {TaskMessage["status"] | "waiting" | "uploading" | "unknown" | "refused" | "forgotten"} Status */

/**
 * What is kept of one.
 *
 * @typedef {object} About
 * @property {string} [id] the server's
 * @property {string} name
 * @property {number} bytes
 * @property {number} [at] when it was chosen, in milliseconds since 1970
 * @property {File} [file]
 * @property {Said} [error]
 */

/**
 * One task as this window knows it.
 *
 * `status` is one of `waiting` (for its turn to upload), `uploading`, `unknown` (kept from earlier,
 * and the server has not said yet how it is), the server's own `queued`, `running`, `succeeded`,
 * `failed` and `cancelled`, `refused` (the server has not taken the file) and `forgotten` (the
 * server does not know the task any more).
 */
export class Task {
  /** The server's, or empty. */
  id;
  name;
  bytes;
  /** When it was chosen, in milliseconds since 1970. */
  at;
  /** Where there is one, the task can be tried again. */
  file;
  /** @type {Status} */
  status;
  /** 0 to 1: of the upload, then of the work. */
  progress = 0;
  /**
   * What is said of it beside `status`.
   *
   * @type {Said}
   */
  note = "";
  /** Why it has failed. */
  error;
  /** @type {unknown} */
  result;
  /**
   * Of the state that is known.
   *
   * @type {TaskMessage["position"] | undefined}
   */
  position;
  /** Whether somebody has asked to cancel it. */
  cancelling = false;
  /** Whether the server has all of it, and may have begun. */
  sent = false;

  /** @param {About} about */
  constructor({ id = "", name, bytes, at = Date.now(), file, error = "" }) {
    this.id = id;
    this.name = name;
    this.bytes = bytes;
    this.at = at;
    this.file = file;
    this.error = error;
    if (file) this.status = "waiting";
    else this.status = id === "" ? "refused" : "unknown";
  }

  /** Whether nothing more will happen to it. */
  get ended() {
    return ENDED.has(this.status);
  }

  /** Whether it is at the server, and has not ended. */
  get followed() {
    return this.id !== "" && !this.ended;
  }

  /** Whether closing the window would end it. */
  get pending() {
    return this.status === "waiting" || this.status === "uploading";
  }

  /** Back to where it waits for its turn. */
  wait() {
    Object.assign(this, { id: "", status: "waiting", progress: 0, note: "", error: "" });
    Object.assign(this, { position: undefined, cancelling: false, sent: false });
  }

  /**
   * Is the server's from now on.
   *
   * @param {{ id: string, status: Status }} task
   */
  begin({ id, status }) {
    Object.assign(this, { id, status, progress: 0 });
  }

  /**
   * Ends without the server's word.
   *
   * @param {Status} status
   * @param {Said} error
   */
  end(status, error = "") {
    Object.assign(this, { status, error, note: "", cancelling: false });
  }

  /**
   * Takes a state that the server has told; states may come twice, and by two ways.
   *
   * @param {TaskMessage} state
   * @returns {boolean} whether it was not known
   */
  take({ status, progress, note = "", error = "", result, position }) {
    if (this.ended) return false;
    const known = this.position?.epoch === position.epoch ? this.position.offset : -1;
    if (position.offset < known) return false;
    Object.assign(this, { status, progress, note, error, result, position });
    if (FINAL.has(status)) this.cancelling = false;
    return position.offset > known;
  }
}
