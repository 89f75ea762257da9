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
  #storage;
  #blocked = false;
  /** JSON by key: what the storage did not take. */
  #memory = new Map();

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
   * @param {(value: unknown) => boolean} isValid whether the value has the form that is expected
   * @returns {unknown} undefined where there is none, or another one than expected
   */
  read(key, isValid) {
    try {
      const value = JSON.parse(this.#memory.get(key) ?? this.#get(key));
      return value !== null && isValid(value) ? value : undefined;
    } catch {
      return undefined;
    }
  }

  /** Keeps a value that JSON can say. Never throws. */
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

  /** Forgets a key. Never throws. */
  remove(key) {
    this.#try(
      (storage) => {
        storage.removeItem(PREFIX + key);
        this.#memory.delete(key);
      },
      () => this.#memory.delete(key),
    );
  }

  /** All keys that begin with `start`. */
  keys(start) {
    const found = new Set(this.#memory.keys());
    this.#try((storage) => {
      for (let index = 0; index < storage.length; index++) {
        const key = storage.key(index);
        if (key.startsWith(PREFIX)) found.add(key.slice(PREFIX.length));
      }
    });
    return [...found].filter((key) => key.startsWith(start));
  }

  #get(key) {
    return this.#try((storage) => storage.getItem(PREFIX + key)) ?? null;
  }

  #try(use, otherwise = () => {}) {
    const { works } = this;
    let result;
    try {
      if (this.#storage) result = use(this.#storage);
      else otherwise();
    } catch (error) {
      // A full storage can still be read; any other error says that there is none.
      if (error?.name !== "QuotaExceededError") this.#blocked = true;
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
