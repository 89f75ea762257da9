import type { Broker, Published, Retention } from "../broker/broker.ts";
import { MemoryBroker } from "../broker/memory/memory.ts";
import type { Connection } from "../connection/connection.ts";
import { DELIVER, type Entry, Subscription } from "../connection/debts.ts";
import { assertOutgoing, assertText, Frame, type Outgoing } from "../connection/frame.ts";
import { assertOptions, type Choice, type OptionKinds, oneOf, orElse } from "../options.ts";
import { FanOut } from "./fan-out.ts";
import { HistoryPace, type PaceOptions } from "./history-pace.ts";
import type { JoinOptions, SlowPolicy } from "./member.ts";
import { Replays } from "./replays.ts";
import { type ShareOptions, Shares } from "./sender-share.ts";
import { type BrokerFailure, type Failed, Topic, type TopicParts } from "./topic.ts";

/** Options of a {@link Hub}. */
export interface HubOptions {
  /** Carries messages between processes. Default a {@link MemoryBroker} of this hub's own. */
  broker?: Broker;
  /** What a topic keeps. Default the last 1,000 messages of the last 24 hours. */
  retention?: Retention;
  /** What happens to members that cannot keep up; may differ by topic. Default `disconnect`. */
  slow?: SlowPolicy | ((topic: string) => SlowPolicy);
  /** How much history one address is sent; those who join wait for their turn. */
  pace?: PaceOptions;
  /** What one connection may fill of the others' buffers, where it is named as `from`. */
  share?: ShareOptions;
  /**
   * Told of what the broker has failed at where no caller is told: what `join`, `publish` and
   * `signal` fail at they throw. Default the `error` event of the app that a member belongs to.
   */
  onError?: (error: unknown, where: BrokerFailure) => void;
}

const BY_TOPIC: Choice = {
  expected: "a function that gives one for a topic",
  holds: (value) => typeof value === "function",
};

const KINDS: OptionKinds<HubOptions> = {
  broker: "other",
  retention: "other",
  slow: orElse(oneOf(["disconnect", "drop-oldest", "latest"] satisfies SlowPolicy[]), BY_TOPIC),
  pace: "other",
  share: "other",
  onError: "other",
};

/** How a message is published. */
export interface HubPublishOptions {
  /** Publish it once only, see {@link Broker.publish}. */
  key?: string;
  /**
   * The connection whose message it is: beyond its {@link HubOptions.share} the publication waits,
   * to be awaited by its handler; when the connection ends before its turn it is a `CloseError`.
   */
  from?: Connection<unknown>;
}

/** A connection in the registry. It knows since when it is open, and to which mount. */
export interface Registered {
  readonly connection: Connection<unknown>;
  readonly topics: readonly string[];
}

/** What the registry has of a connection; what is broadcast goes to it. */
class Registration extends Subscription {
  readonly connection: Connection<unknown>;
  readonly topics = new Set<string>();

  constructor(connection: Connection<unknown>, had: Entry) {
    super(connection, had);
    this.connection = connection;
  }
}

const RETENTION: Retention = { count: 1_000, ageMs: 24 * 60 * 60 * 1_000 };

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
  readonly #shares: Shares;
  readonly #parts: TopicParts;
  readonly #onError: HubOptions["onError"];
  readonly #registry = new Map<Connection<unknown>, Registration>();
  readonly #everybody = new FanOut(this.#registry);
  readonly #followed = new WeakSet<Connection<unknown>>();

  /** @throws TypeError for an option that there is not */
  constructor(options: HubOptions = {}) {
    assertOptions(options, KINDS, "a Hub");
    const { slow = "disconnect" } = options;
    this.broker = options.broker ?? new MemoryBroker();
    this.#retention = options.retention ?? RETENTION;
    this.#onError = options.onError;
    this.#shares = new Shares(options.share);
    this.#parts = {
      broker: this.broker,
      failed: this.#failed,
      pace: new HistoryPace(options.pace),
      replays: new Replays(),
    };
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
    const member = topic.add(connection, options, this.#slow(name));
    this.#register(name, connection);
    try {
      await topic.ready;
      await topic.catchUp(member, options.since);
    } catch (error) {
      if (topic.members.get(connection) === member) this.leave(name, connection);
      throw error;
    }
    return true;
  }

  /** Takes a connection out of a topic, once it has been sent what was published before. */
  leave(name: string, connection: Connection<unknown>): boolean {
    const topic = this.#topics.get(name);
    if (!topic?.delete(connection)) return false;
    const registration = this.#registry.get(connection);
    registration?.topics.delete(name);
    if (registration?.topics.size === 0) {
      registration.end();
      this.#registry.delete(connection);
    }
    if (topic.members.size === 0) this.#shut(topic, connection);
    return true;
  }

  /**
   * Publishes a message to a topic: it gets a position and is retained, and every member is sent
   * it. Members that cannot keep up hold nobody.
   *
   * @throws TypeError when it is no text
   */
  publish(name: string, data: string, options: HubPublishOptions = {}): Promise<Published> {
    assertText(data);
    const { from, ...key } = options;
    const publish = () => this.broker.publish(name, data, { retention: this.#retention, ...key });
    return from ? this.#shares.take(from, Buffer.byteLength(data), publish) : publish();
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
    this.#everybody.add(({ connection }) => {
      if (connection !== options.except) void connection[DELIVER](frame);
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

  readonly #failed: Failed = (error, where, connection) => {
    if (!this.#onError) return connection.report(error);
    try {
      this.#onError(error, where);
    } catch (failure) {
      // Nobody waits for it who could be told.
      connection.report(failure);
    }
  };

  #register(name: string, connection: Connection<unknown>): void {
    const registration =
      this.#registry.get(connection) ?? new Registration(connection, this.#everybody.last);
    this.#registry.set(connection, registration);
    registration.topics.add(name);
    // Once, however often it joins: a connection may live long.
    if (this.#followed.has(connection)) return;
    this.#followed.add(connection);
    void connection.ended.then(() => {
      const topics = this.#registry.get(connection)?.topics ?? [];
      for (const topic of topics) this.leave(topic, connection);
    });
  }

  #open(name: string): Topic {
    const topic = this.#topics.get(name) ?? new Topic(name, this.#parts);
    this.#topics.set(name, topic);
    return topic;
  }

  // Its name is free at once: who comes next opens it anew, with a subscriber of its own.
  #shut(topic: Topic, last: Connection<unknown>): void {
    if (this.#topics.get(topic.name) === topic) this.#topics.delete(topic.name);
    topic.end(last);
  }
}
