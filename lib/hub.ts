import { MemoryBroker } from "./broker/memory.ts";
import type { Broker, Position, Publication, Published, Retention, Subscriber } from "./broker.ts";
import type { Connection } from "./connection.ts";
import { FanOut } from "./fan-out.ts";
import { assertOutgoing, assertText, Frame, type Outgoing } from "./frame.ts";
import { type Frames, type JoinOptions, Member, type SlowPolicy } from "./member.ts";

/** Options of a {@link Hub}. */
export interface HubOptions {
  /** Carries messages between processes. Default a {@link MemoryBroker} of this hub's own. */
  broker?: Broker;
  /** What a topic keeps. Default the last 1,000 messages of the last 24 hours. */
  retention?: Retention;
  /** What happens to members that cannot keep up; may differ by topic. Default `disconnect`. */
  slow?: SlowPolicy | ((topic: string) => SlowPolicy);
}

/** A connection in the registry. It knows since when it is open, and to which mount. */
export interface Registered {
  readonly connection: Connection<unknown>;
  readonly topics: readonly string[];
}

interface Topic {
  readonly name: string;
  readonly members: Map<Connection<unknown>, Member>;
  readonly fanOut: FanOut<Member>;
  readonly subscriber: Subscriber;
  ready: Promise<void>;
  /** The position of the last message that has come. */
  seen: Position;
}

/** What the registry has of a connection. */
interface Registration {
  readonly connection: Connection<unknown>;
  readonly topics: Set<string>;
  /** After which of the hub's messages it came. */
  readonly since: number;
}

const RETENTION: Retention = { count: 1_000, ageMs: 24 * 60 * 60 * 1_000 };
/** A position of no epoch: what is read since it is all that is retained, and not recovered. */
const NOWHERE = { epoch: "", offset: 0 };

/**
 * The one object that knows the connections of an app: who joined what, and a way to reach one,
 * a topic's members, or everybody.
 *
 * ```ts
 * await hub.join("lobby", socket);
 * await hub.publish("lobby", "hello");
 * ```
 */
export class Hub {
  /** What carries the messages. */
  readonly broker: Broker;
  readonly #retention: Retention;
  readonly #slow: (topic: string) => SlowPolicy;
  readonly #topics = new Map<string, Topic>();
  readonly #registry = new Map<Connection<unknown>, Registration>();
  readonly #everybody = new FanOut(this.#registry);
  readonly #followed = new WeakSet<Connection<unknown>>();
  /** Counts messages, for those who come while one is on its way: it is not for them. */
  #messages = 0;

  constructor(options: HubOptions = {}) {
    const { slow = "disconnect" } = options;
    this.broker = options.broker ?? new MemoryBroker();
    this.#retention = options.retention ?? RETENTION;
    this.#slow = typeof slow === "function" ? slow : () => slow;
  }

  /**
   * Adds a connection to a topic. It leaves by itself when it ends. Resolves when it has been
   * welcomed and has caught up.
   *
   * @returns false when it was a member already, or has ended
   * @throws what the broker throws; the connection is no member then
   */
  async join(
    name: string,
    connection: Connection<unknown>,
    options: JoinOptions = {},
  ): Promise<boolean> {
    if (!connection.open || this.#topics.get(name)?.members.has(connection)) return false;
    const topic = this.#open(name);
    const member = new Member(name, connection, options, this.#slow(name));
    topic.members.set(connection, member);
    this.#register(name, connection);
    try {
      await topic.ready;
      await this.#catchUp(topic, member, options.since);
    } catch (error) {
      if (topic.members.get(connection) === member) this.leave(name, connection);
      throw error;
    }
    return true;
  }

  /** Takes a connection out of a topic. */
  leave(name: string, connection: Connection<unknown>): boolean {
    const topic = this.#topics.get(name);
    if (!topic?.members.delete(connection)) return false;
    const topics = this.#registry.get(connection)?.topics;
    topics?.delete(name);
    if (topics?.size === 0) this.#registry.delete(connection);
    if (topic.members.size === 0) this.#shut(topic);
    return true;
  }

  /**
   * Publishes a message to a topic: it gets a position and is retained, and every member is sent
   * it. Members that cannot keep up hold nobody.
   *
   * @param options `key`: publish it once only, see {@link Broker.publish}
   * @throws TypeError when it is no text
   */
  publish(name: string, data: string, options: { key?: string } = {}): Promise<Published> {
    assertText(data);
    return this.broker.publish(name, data, { retention: this.#retention, ...options });
  }

  /**
   * Sends a passing message to the members a topic has now; it is not retained.
   *
   * @throws TypeError when it is no text
   */
  signal(name: string, data: string): Promise<void> {
    assertText(data);
    return this.broker.signal(name, data);
  }

  /**
   * Sends a message to every connection of this process.
   *
   * @throws TypeError when it is neither text nor bytes
   */
  broadcast(message: Outgoing, options: { except?: Connection<unknown> } = {}): void {
    assertOutgoing(message);
    const frame = new Frame(message);
    frame.keep();
    const number = ++this.#messages;
    this.#everybody.add(({ connection, since }) => {
      if (since < number && connection !== options.except) void connection.sendFrame(frame);
    });
  }

  /** The connection of this process with an id, to `send` to it or to `close` it. */
  find(id: string): Connection<unknown> | undefined {
    for (const connection of this.#registry.keys()) if (connection.id === id) return connection;
    return undefined;
  }

  /** The connections of this process, with their topics. */
  connections(): Registered[] {
    return [...this.#registry.values()].map(({ connection, topics }) => ({
      connection,
      topics: [...topics],
    }));
  }

  /** The members of a topic in this process. */
  members(name: string): Connection<unknown>[] {
    return [...(this.#topics.get(name)?.members.keys() ?? [])];
  }

  /** The topics that have members in this process. */
  topics(): string[] {
    return [...this.#topics.keys()];
  }

  /** Closes the members of a topic in this process. */
  closeTopic(name: string, code = 1000, reason = ""): void {
    for (const connection of this.members(name)) connection.close(code, reason);
  }

  /** Closes every connection of this process. */
  closeAll(code = 1000, reason = ""): void {
    for (const connection of [...this.#registry.keys()]) connection.close(code, reason);
  }

  #register(name: string, connection: Connection<unknown>): void {
    const known = this.#registry.get(connection);
    known?.topics.add(name);
    if (!known) {
      const topics = new Set([name]);
      this.#registry.set(connection, { connection, topics, since: this.#messages });
    }
    // Once, however often it joins: a connection may live long.
    if (this.#followed.has(connection)) return;
    this.#followed.add(connection);
    void connection.ended.then(() => {
      const topics = this.#registry.get(connection)?.topics ?? [];
      for (const topic of topics) this.leave(topic, connection);
    });
  }

  #open(name: string): Topic {
    const open = this.#topics.get(name);
    if (open) return open;
    const subscriber: Subscriber = {
      message: (publication) => this.#message(topic, publication),
      signal: (data) => this.#signal(topic, data),
      epoch: (position) => this.#begun(topic, position),
    };
    const members: Topic["members"] = new Map();
    const topic: Topic = {
      name,
      members,
      fanOut: new FanOut(members),
      subscriber,
      ready: Promise.resolve(),
      seen: NOWHERE,
    };
    topic.ready = this.broker.subscribe(name, subscriber).then((position) => {
      // What has come meanwhile is newer.
      if (topic.seen.epoch === "") {
        const offset = Math.max(topic.seen.offset, position.offset);
        topic.seen = { epoch: position.epoch, offset };
      }
    });
    this.#topics.set(name, topic);
    return topic;
  }

  // Its name is free at once: who comes next opens it anew, with a subscriber of its own.
  #shut(topic: Topic): void {
    if (this.#topics.get(topic.name) === topic) this.#topics.delete(topic.name);
    // A subscription that failed has told those who joined; there is nothing to end.
    topic.ready.then(() => this.broker.unsubscribe(topic.name, topic.subscriber)).catch(() => {});
  }

  // Read, send, and read again until nothing new has come meanwhile: however long a slow client
  // takes, there is no queue to overflow, and what falls out of the history in the meantime is
  // said so by another welcome. So is a new epoch.
  async #catchUp(topic: Topic, member: Member, since: unknown): Promise<void> {
    const { connection } = member;
    const isMember = () => connection.open && topic.members.get(connection) === member;
    let from = since;
    while (member.welcome && isMember()) {
      const history = await this.broker.read(topic.name, from);
      if (!isMember()) return;
      if (!member.welcomed || history.recovered === false) {
        member.welcomedAt = this.#messages;
        await member.greet(history);
      }
      for (const publication of history.publications) {
        if (!isMember()) return;
        await member.replay(publication);
      }
      const { epoch } = history.position;
      from = { epoch, offset: member.offset };
      if (topic.seen.epoch === epoch && topic.seen.offset <= member.offset) break;
    }
    // In the same turn as the look at what has been seen: nothing comes in between.
    member.welcomed = true;
    member.live = true;
    member.liveAt = this.#messages;
    if (!member.welcome) member.welcomedAt = this.#messages;
  }

  #message(topic: Topic, publication: Publication): void {
    topic.seen = { epoch: topic.seen.epoch, offset: publication.offset };
    const number = ++this.#messages;
    const frames: Frames = new Map();
    topic.fanOut.add((member) => {
      if (!member.live || member.liveAt >= number) return;
      member.offset = publication.offset;
      member.send(frames, publication.data, publication);
    });
  }

  #signal(topic: Topic, data: string): void {
    const number = ++this.#messages;
    const frames: Frames = new Map();
    topic.fanOut.add((member) => {
      if (!member.welcomed || member.welcomedAt >= number) return;
      member.send(frames, data);
    });
  }

  // Who is still catching up finds out by itself, at its next read.
  #begun(topic: Topic, position: Position): void {
    topic.fanOut.flush();
    topic.seen = position;
    for (const member of topic.members.values()) {
      if (!member.welcome || !member.live) continue;
      member.restart();
      this.#catchUp(topic, member, NOWHERE).catch(() => {
        member.connection.close(1013, "the history cannot be read");
      });
    }
  }
}
