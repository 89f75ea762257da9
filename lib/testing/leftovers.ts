import { type AsyncHook, createHook } from "node:async_hooks";
import { fileURLToPath } from "node:url";

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

/** The framework's own directory, and in it that of the test client. */
const LIB = fileURLToPath(new URL("..", import.meta.url));
const TESTING = fileURLToPath(new URL(".", import.meta.url));

interface Resource {
  readonly type: string;
  /** Has the stack of its creation, which costs most when it is read. */
  readonly made: Error;
  readonly hasRef: () => boolean;
}

let watching: Leftovers | undefined;
let users = 0;

/** Clients that are not closed yet, each with the stack of its start. */
const clients = new Map<object, Error>();

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

  /**
   * Notes that a client has been started, until it is closed.
   *
   * @param made has the stack of its start
   */
  static opened(client: object, made: Error): void {
    clients.set(client, made);
  }

  /** Notes that a client is closed, or about to be. */
  static closed(client: object): void {
    clients.delete(client);
  }

  /** The clients that nobody has closed, a line each: `TestClient started at test/x.test.ts:12:3`. */
  static clients(): string[] {
    return [...clients.values()].map(
      (made) => `TestClient started ${frameOf(made) ?? "somewhere"}`,
    );
  }

  /** A watch of its own, for a whole process: clients share the one of {@link watch}. */
  constructor() {
    this.#hook = createHook({
      init: (id, type, _trigger, resource) => this.#note(id, type, resource),
      destroy: (id) => this.#resources.delete(id),
    }).enable();
  }

  /** What is left now, a line each: `timer created at apps/chat/room.ts:12:3`. */
  list(): string[] {
    return [...this.#resources.values()]
      .filter((resource) => resource.hasRef() && !isOwn(resource))
      .map(({ type, made }) => `${KINDS[type]} created ${frameOf(made) ?? "by Node itself"}`);
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
    if (!KINDS[type]) return;
    const weak = new WeakRef(resource);
    const hasRef = () => weak.deref()?.hasRef?.() ?? false;
    this.#resources.set(id, { type, made: new Error(), hasRef });
  }
}

// A timer that only Node's own code asked for (its fetch, its test runner), or this client's
// deadlines, is not the app's.
function isOwn({ type, made }: Resource): boolean {
  if (type !== "Timeout") return false;
  const [first] = framesOf(made);
  return first === undefined || first.includes(TESTING);
}

// The line of the app or the test if there is one, and of a package or of ours otherwise.
function frameOf(made: Error): string | undefined {
  const frames = framesOf(made);
  const isUsers = (frame: string) => !frame.includes(LIB) && !/[\\/]node_modules[\\/]/.test(frame);
  return frames.find(isUsers) ?? frames[0];
}

function framesOf({ stack = "" }: Error): string[] {
  const frames = stack.split("\n").filter((line) => /^\s+at /.test(line));
  return frames
    .filter((frame) => !frame.includes("node:") && !frame.includes(`${TESTING}leftovers.`))
    .map((frame) => frame.trim());
}
