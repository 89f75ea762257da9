import { type AsyncHook, createHook } from "node:async_hooks";

/** The kinds of resource that keep a process alive when they are forgotten. */
const KINDS: Readonly<Record<string, string>> = {
  Timeout: "timer",
  TCPWRAP: "socket",
  TCPSERVERWRAP: "server",
  PIPEWRAP: "pipe",
  PROCESSWRAP: "child process",
  FSEVENTWRAP: "file watcher",
  Worker: "worker",
};

interface Resource {
  readonly kind: string;
  readonly where: string;
  readonly hasRef: () => boolean;
}

let watching: Leftovers | undefined;
let users = 0;

/**
 * Watches what is created from now on and keeps the process alive: timers, sockets, servers. For
 * each it notes the line of the user's code that created it.
 */
export class Leftovers {
  readonly #resources = new Map<number, Resource>();
  readonly #hook: AsyncHook;

  /**
   * The watch of this process, begun by its first user; give it back with {@link release}. There
   * is one for all, because a hook cannot tell whose test it was that created something.
   */
  static watch(): Leftovers {
    users++;
    watching ??= new Leftovers();
    return watching;
  }

  private constructor() {
    this.#hook = createHook({
      init: (id, type, _trigger, resource) => this.#note(id, type, resource),
      destroy: (id) => this.#resources.delete(id),
    }).enable();
  }

  /** What is left now, a line each: `timer created at apps/chat/room.ts:12:3`. */
  list(): string[] {
    return [...this.#resources.values()]
      .filter((resource) => resource.hasRef())
      .map(({ kind, where }) => `${kind} created ${where}`);
  }

  /**
   * Ends one use of the watch.
   *
   * @returns whether it was the last one, and what is left now is left behind
   */
  release(): boolean {
    if (--users > 0) return false;
    watching = undefined;
    return true;
  }

  /** Stops watching, after {@link release} said that this was the last use. */
  stop(): void {
    this.#hook.disable();
    this.#resources.clear();
  }

  #note(id: number, type: string, resource: object & { hasRef?: () => boolean }): void {
    const kind = KINDS[type];
    if (!kind) return;
    const where = userFrame(new Error().stack ?? "");
    // A timer that only Node's own code asked for (its fetch, its test runner), or this client's
    // deadlines, is not the app's.
    if (type === "Timeout" && (!where || where.includes("/testing/"))) return;
    const weak = new WeakRef(resource);
    const hasRef = () => weak.deref()?.hasRef?.() ?? false;
    this.#resources.set(id, { kind, where: where ?? "by Node itself", hasRef });
  }
}

function userFrame(stack: string): string | undefined {
  const frames = stack.split("\n").slice(1);
  const frame = frames.find((f) => !f.includes("node:") && !f.includes("/testing/leftovers."));
  return frame?.trim();
}
