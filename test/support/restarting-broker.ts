import {
  type Broker,
  type History,
  MemoryBroker,
  type Position,
  type Published,
  type PublishOptions,
  type Subscriber,
} from "koa-subapps";

/** A broker that loses a topic's history on demand, under subscribers who stay. */
export class RestartingBroker implements Broker {
  readonly #make: () => MemoryBroker;
  readonly #lives = new Map<string, MemoryBroker>();
  readonly #subscribers = new Map<string, Set<Subscriber>>();
  /** Awaited before each read is answered: a test holds it to let things happen meanwhile. */
  beforeRead: () => Promise<void> | void = () => {};
  /** Awaited after each read has looked, before it is answered. */
  afterRead: () => Promise<void> | void = () => {};
  /** Awaited before each subscription. */
  beforeSubscribe: () => Promise<void> | void = () => {};

  constructor(options: { idleMs?: number } = {}) {
    this.#make = () => new MemoryBroker(options);
  }

  /** Ends the topic's epoch, as a server that lost its data does. */
  async restart(topic: string): Promise<Position> {
    await this.#lives.get(topic)?.close();
    const life = this.#make();
    this.#lives.set(topic, life);
    const { position } = await life.read(topic);
    for (const subscriber of this.#subscribers.get(topic) ?? []) {
      await life.subscribe(topic, subscriber);
      subscriber.epoch(position);
    }
    return position;
  }

  publish(topic: string, data: string, options: PublishOptions): Promise<Published> {
    return this.#life(topic).publish(topic, data, options);
  }

  signal(topic: string, data: string): Promise<void> {
    return this.#life(topic).signal(topic, data);
  }

  async subscribe(topic: string, subscriber: Subscriber): Promise<Position> {
    await this.beforeSubscribe();
    const subscribers = this.#subscribers.get(topic) ?? new Set();
    this.#subscribers.set(topic, subscribers.add(subscriber));
    return this.#life(topic).subscribe(topic, subscriber);
  }

  async unsubscribe(topic: string, subscriber: Subscriber): Promise<void> {
    const subscribers = this.#subscribers.get(topic);
    subscribers?.delete(subscriber);
    if (subscribers?.size === 0) this.#subscribers.delete(topic);
    await this.#life(topic).unsubscribe(topic, subscriber);
  }

  async read(topic: string, since?: unknown): Promise<History> {
    await this.beforeRead();
    const history = await this.#life(topic).read(topic, since);
    await this.afterRead();
    return history;
  }

  async topics(): Promise<string[]> {
    const all = await Promise.all([...this.#lives.values()].map((life) => life.topics()));
    return all.flat();
  }

  async close(): Promise<void> {
    for (const life of this.#lives.values()) await life.close();
    this.#lives.clear();
    this.#subscribers.clear();
  }

  #life(topic: string): MemoryBroker {
    const life = this.#lives.get(topic) ?? this.#make();
    this.#lives.set(topic, life);
    return life;
  }
}
