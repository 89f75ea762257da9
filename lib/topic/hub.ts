import type { Broker, Published, Retention } from "../broker/broker.ts";
import { MemoryBroker } from "../broker/memory/memory.ts";
import type { Connection } from "../connection/connection.ts";
import { DELIVER, type Entry, Subscription } from "../connection/debts.ts";
import { assertOutgoing, assertText, Frame, type Outgoing } from "../connection/frame.ts";
import { assertOptions } from "../options.ts";
import { FanOut } from "./fan-out.ts";
import { HistoryPace } from "./history-pace.ts";
import type { JoinOptions, SlowPolicy } from "./member.ts";
import { HUB_KINDS, type HubOptions } from "./options.ts";
import { Replays } from "./replays.ts";
import { Shares } from "./sender-share.ts";
import { type Failed, Topic, type TopicParts } from "./topic.ts";

/** Options of {@link Hub.publish}. */
export interface HubPublishOptions {
  /** Publishes the message only once, see `PublishOptions.key`. */
  key?: string;
  /**
   * The connection that publishes. Beyond its {@link HubOptions.share} the publication waits, so
   * its handler must await it. If the connection ends meanwhile, `publish` rejects with a
   * `CloseError`.
   */
  from?: Connection<unknown>;
}

/** A connection in the hub's registry. */
export interface Registered {
  readonly connection: Connection<unknown>;
  readonly topics: readonly string[];
}

/** A connection's entry in the registry. Broadcasts go to it. */
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
 * Knows the connections of an app and the topics that they joined. Sends to one connection, to the
 * members of a topic, or to all connections.
 *
 * ```ts
 * const hub = new Hub();
 * app.websocket("/lobby", async (socket) => {
 *   await hub.join("lobby", socket);
 *   for await (const text of socket) await hub.publish("lobby", text);
 * });
 * ```
 */
export class Hub {
  /** Carries the messages. */
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

  /** @throws TypeError for an unknown option */
  constructor(options: HubOptions = {}) {
    assertOptions(options, HUB_KINDS, "a Hub");
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
   * Adds a connection to a topic. A connection that ends leaves by itself. Resolves when the
   * connection has been welcomed and has caught up.
   *
   * @returns false when the connection was a member already, or has ended
   * @throws any error of the broker; the connection is then not a member
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

  /** Takes a connection out of a topic. It is first sent all earlier messages. */
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
   * Publishes a message to a topic. The topic gives it a position, retains it and sends it to every
   * member. A slow member does not slow the others.
   *
   * @throws TypeError when `data` is not a string
   */
  publish(name: string, data: string, options: HubPublishOptions = {}): Promise<Published> {
    assertText(data);
    const { from, ...key } = options;
    const publish = () => this.broker.publish(name, data, { retention: this.#retention, ...key });
    return from ? this.#shares.take(from, Buffer.byteLength(data), publish) : publish();
  }

  /**
   * Sends a message to a topic's present members; the topic does not retain it.
   *
   * @throws TypeError when `data` is not a string
   */
  signal(name: string, data: string): Promise<void> {
    assertText(data);
    return this.broker.signal(name, data);
  }

  /**
   * Sends a message to every connection of this process.
   *
   * @throws TypeError when `message` is neither text nor bytes
   */
  broadcast(message: Outgoing, options: { except?: Connection<unknown> } = {}): void {
    assertOutgoing(message);
    const frame = new Frame(message);
    frame.keep();
    this.#everybody.add(({ connection }) => {
      if (connection !== options.except) void connection[DELIVER](frame);
    });
  }

  /** The connection of this process with an id. */
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
      // No caller awaits this, so the app's `error` event gets it.
      connection.report(failure);
    }
  };

  #register(name: string, connection: Connection<unknown>): void {
    const registration =
      this.#registry.get(connection) ?? new Registration(connection, this.#everybody.last);
    this.#registry.set(connection, registration);
    registration.topics.add(name);
    // Only once for each connection, however often it joins: a connection may live long.
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

  // Frees the name at once: the next member opens a new topic, with its own subscription.
  #shut(topic: Topic, last: Connection<unknown>): void {
    if (this.#topics.get(topic.name) === topic) this.#topics.delete(topic.name);
    topic.end(last);
  }
}
