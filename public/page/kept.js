/**
 * Stands before every key. Other apps on the same host and port share the storage, so a key names
 * this project, and the version of what its values look like.
 */
const PREFIX = "koa-subapps:1:";

/**
 * What the page keeps over a reload. Where the browser's storage is blocked, missing or full, the
 * values live in memory until the page is left. What another app or version wrote is passed over.
 *
 * Events: `change` when `works` does.
 */
export class Kept extends EventTarget {
  /** @type {Storage | undefined} */
  #storage;
  #blocked = false;
  /** JSON by key: what the storage did not take. */
  #memory = /** @type {Map<string, string>} */ (new Map());

  /** @param {() => Storage | null} open gives the storage; browsers may throw, or have none */
  constructor(open) {
    super();
    try {
      this.#storage = open() ?? undefined;
    } catch {}
    this.#blocked = this.#storage === undefined;
  }

  /** Whether all that was written will still be there after a reload. */
  get works() {
    return !this.#blocked && this.#memory.size === 0;
  }

  /**
   * The value of a key.
   *
   * @template T
   * @param {string} key
   * @param {(value: unknown) => value is T} isValid whether the value has the form that is expected
   * @returns {T | undefined} undefined where there is none, or another one than expected
   */
  read(key, isValid) {
    try {
      /** @type {unknown} */
      const value = JSON.parse(this.#memory.get(key) ?? this.#get(key));
      return value !== null && isValid(value) ? value : undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * Keeps a value that JSON can say. Never throws.
   *
   * @param {string} key
   * @param {unknown} value
   */
  write(key, value) {
    const text = JSON.stringify(value);
    this.#try(
      (storage) => {
        storage.setItem(PREFIX + key, text);
        this.#memory.delete(key);
      },
      () => this.#memory.set(key, text),
    );
  }

  /**
   * Forgets a key. Never throws.
   *
   * @param {string} key
   */
  remove(key) {
    this.#try(
      (storage) => {
        storage.removeItem(PREFIX + key);
        this.#memory.delete(key);
      },
      () => this.#memory.delete(key),
    );
  }

  /**
   * All keys that begin with `start`.
   *
   * @param {string} start
   */
  keys(start) {
    const found = new Set(this.#memory.keys());
    this.#try((storage) => {
      for (let index = 0; index < storage.length; index++) {
        const key = storage.key(index);
        if (key?.startsWith(PREFIX)) found.add(key.slice(PREFIX.length));
      }
    });
    return [...found].filter((key) => key.startsWith(start));
  }

  /** @param {string} key */
  #get(key) {
    return this.#try((storage) => storage.getItem(PREFIX + key)) ?? "null";
  }

  /**
   * @template T
   * @param {(storage: Storage) => T} use
   * @param {() => void} otherwise
   */
  #try(use, otherwise = () => {}) {
    const { works } = this;
    /** @type {T | undefined} */
    let result;
    try {
      if (this.#storage) result = use(this.#storage);
      else otherwise();
    } catch (error) {
      // A full storage can still be read; any other error says that there is none.
      if (!(error instanceof DOMException) || error.name !== "QuotaExceededError")
        this.#blocked = true;
      otherwise();
    }
    if (this.works !== works) this.dispatchEvent(new Event("change"));
    return result;
  }
}

/** What this window keeps for itself. */
export const windowKept = new Kept(() => sessionStorage);

/** What all windows of this browser share. */
export const browserKept = new Kept(() => localStorage);
