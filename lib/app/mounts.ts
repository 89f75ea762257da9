import type Koa from "koa";
import type { SubApp } from "../context/sub-app.ts";
import { normalise } from "../http/prefix.ts";
import { assertWithoutLifespans, isStarted } from "./lifespan.ts";
import { Mount } from "./mount.ts";
import { type MountMatch, MountTable } from "./mount-table.ts";

/** The mounts of one app. */
export class Mounts {
  /** All mounts, in mount order. */
  readonly list: Mount[] = [];
  readonly #owner: Koa;
  readonly #table = new MountTable<Mount>();

  /** @param owner the app that has the mounts */
  constructor(owner: Koa) {
    this.#owner = owner;
  }

  /** The mount at `/`. */
  get root(): Mount | undefined {
    return this.#table.root;
  }

  /** Finds the longest prefix of a raw path, other than `/`. */
  find(path: string): MountMatch<Mount> | undefined {
    return this.#table.find(path);
  }

  /**
   * Mounts an app.
   *
   * @param site an object whose stack begins with the line that mounts the app, for messages
   * @throws the errors of `App.mount`
   */
  add(prefix: string, app: Koa, site: { readonly stack?: string }): void {
    const owner = this.#owner;
    if (!isApp(app)) {
      throw new TypeError(`expected a Koa app at ${prefix}, but got ${typeof app}`);
    }
    if (isStarted(owner)) assertWithoutLifespans(app, `mount it at ${prefix}`);
    if (app === owner || contains(app, owner)) {
      throw new Error(`expected another app at ${prefix}, but got one that would contain itself`);
    }
    const mount = new Mount(normalise(prefix), app, site);
    this.#table.add(prefix, mount, (taker) => (taker.app === app ? "the same app" : String(taker)));
    this.list.push(mount);
  }
}

/** Whether an app is mounted in another one, at any depth. */
export function contains(outer: SubApp, inner: Koa): boolean {
  return (outer.mounts ?? []).some(({ app }) => app === inner || contains(app, inner));
}

// Not `instanceof`: the app may come from another copy of the koa package.
function isApp(app: unknown): boolean {
  const { callback, middleware } = (app ?? {}) as Partial<Koa>;
  return typeof callback === "function" && Array.isArray(middleware);
}
