import { type AsyncHook, createHook } from "node:async_hooks";
import { fileURLToPath } from "node:url";

/** The kinds of resource that keep a process alive. */
const KINDS: Readonly<Record<string, string>> = {
  Timeout: "timer",
  TCPWRAP: "socket",
  TCPSERVERWRAP: "server",
  PIPEWRAP: "pipe",
  PROCESSWRAP: "child process",
  FSEVENTWRAP: "file watcher",
  Worker: "worker",
};

/** The framework's own folder, and the test client's folder in it. */
const LIB = fileURLToPath(new URL("..", import.meta.url));
const TESTING = fileURLToPath(new URL(".", import.meta.url));

interface Resource {
  readonly type: string;
  /** Has the stack of its creation. Reading the stack is the costly part. */
  readonly made: Error;
  readonly hasRef: () => boolean;
}

let watching: Leftovers | undefined;
let users = 0;

/** Open clients, each with the stack of its start. */
const clients = new Map<object, Error>();

/**
 * Watches the timers, sockets and servers that are created from now on and keep the process alive.
 * Notes for each the line of the user's code that created it.
 */
export class Leftovers {
  readonly #resources = new Map<number, Resource>();
  readonly #hook: AsyncHook;

  /**
   * The shared watch of this process; call {@link release} afterwards. It is shared because a hook
   * cannot tell which test created a resource.
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

  /** Notes that a client is closed, or is closing. */
  static closed(client: object): void {
    clients.delete(client);
  }

  /** The open clients, a line each: `TestClient started at test/x.test.ts:12:3`. */
  static clients(): string[] {
    return [...clients.values()].map(
      (made) => `TestClient started ${frameOf(made) ?? "somewhere"}`,
    );
  }

  /** Makes a separate watch, for a whole process. Clients share the one of {@link watch}. */
  constructor() {
    // Node opens these when they are first asked for, and a server's log may be the first.
    void process.stdout;
    void process.stderr;
    this.#hook = createHook({
      init: (id, type, _trigger, resource) => this.#note(id, type, resource),
      destroy: (id) => this.#resources.delete(id),
    }).enable();
  }

  /** The resources left now, a line each: `timer created at apps/chat/room.ts:12:3`. */
  list(): string[] {
    return [...this.#resources.values()]
      .filter((resource) => resource.hasRef() && !isOwn(resource))
      .map(({ type, made }) => `${KINDS[type]} created ${frameOf(made) ?? "by Node itself"}`);
  }

  /**
   * Ends one use of the watch.
   *
   * @returns whether this was the last use, so that resources left now are left behind
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

// Timers of Node's own code (its fetch, its test runner) and of this client are not the app's.
function isOwn({ type, made }: Resource): boolean {
  if (type !== "Timeout") return false;
  const [first] = framesOf(made);
  return first === undefined || first.includes(TESTING);
}

// The first line of the app or the test, or else of a package or this framework.
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
