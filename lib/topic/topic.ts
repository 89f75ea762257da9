import type { Broker, History, Position, Publication, Subscriber } from "../broker/broker.ts";
import type { Connection } from "../connection/connection.ts";
import { FanOut } from "./fan-out.ts";
import { type HistoryPace, messagesIn } from "./history-pace.ts";
import { type Frames, type JoinOptions, Member, type SlowPolicy } from "./member.ts";
import type { Replays } from "./replays.ts";

/** A position of no epoch: what is read since it is all that is retained, and not recovered. */
const NOWHERE = { epoch: "", offset: 0 };

/** What a broker was asked for where no caller is told that it failed. */
export type BrokerStage = "read" | "unsubscribe";

/**
 * Told of what a topic's broker has failed at.
 *
 * @param connection one of those that it concerns
 */
export type Failed = (
  error: unknown,
  where: BrokerFailure,
  connection: Connection<unknown>,
) => void;

/** At what, and for which topic, a broker has failed. */
export interface BrokerFailure {
  /**
   * `read`: the history of a new epoch could not be read, and the members that need it are closed
   * 1013; `unsubscribe`: the broker may go on sending what nobody here wants.
   */
  readonly stage: BrokerStage;
  readonly topic: string;
}

/** What the topics of a hub share. */
export interface TopicParts {
  readonly broker: Broker;
  readonly failed: Failed;
  readonly pace: HistoryPace;
  readonly replays: Replays;
}

/** A topic in this process: its members, and what comes for them from its broker. */
export class Topic implements Subscriber {
  readonly name: string;
  readonly members = new Map<Connection<unknown>, Member>();
  /** Resolves when it is subscribed to. */
  readonly ready: Promise<void>;
  readonly #broker: Broker;
  readonly #parts: TopicParts;
  readonly #fanOut = new FanOut(this.members);
  /** The position of the last message that has come. */
  #seen: Position = NOWHERE;

  /** Subscribes to a topic. */
  constructor(name: string, parts: TopicParts) {
    this.name = name;
    this.#broker = parts.broker;
    this.#parts = parts;
    this.ready = this.#broker.subscribe(name, this).then((position) => {
      // What has come meanwhile is newer.
      if (this.#seen.epoch !== "") return;
      const offset = Math.max(this.#seen.offset, position.offset);
      this.#seen = { epoch: position.epoch, offset };
    });
  }

  /** Makes a connection a member, which is still to catch up. */
  add(connection: Connection<unknown>, options: JoinOptions, policy: SlowPolicy): Member {
    const member = new Member(this.name, connection, options, policy, this.#fanOut.last);
    this.members.set(connection, member);
    return member;
  }

  /**
   * Takes a member out, once it has been paid.
   *
   * @returns false when the connection was none
   */
  delete(connection: Connection<unknown>): boolean {
    const member = this.members.get(connection);
    if (!member) return false;
    member.debts.pay();
    // What is sent for the last time may have taken it out.
    if (this.members.get(connection) !== member) return false;
    member.writeOut();
    member.end();
    return this.members.delete(connection);
  }

  /** Ends the subscription. */
  end(last: Connection<unknown>): void {
    const unsubscribe = async () => {
      try {
        await this.#broker.unsubscribe(this.name, this);
      } catch (error) {
        this.#parts.failed(error, { stage: "unsubscribe", topic: this.name }, last);
      }
    };
    // A subscription that failed has told those who joined; there is nothing to end.
    this.ready.then(unsubscribe, () => {});
  }

  /**
   * Has a member catch up, from a position on.
   *
   * @throws what the broker throws
   */
  async catchUp(member: Member, since: unknown): Promise<void> {
    // Read, send, and read again until nothing new has come meanwhile: however long a slow client
    // takes, there is no queue to overflow, and what falls out of the history in the meantime is
    // said so by another welcome. So is a new epoch.
    const { pace, replays } = this.#parts;
    const { address } = member.connection;
    const charge = (length: number) => pace.charge(address, messagesIn(length));
    let from = since;
    if (member.welcome) await pace.turn(member.connection);
    while (member.welcome && this.#isMember(member)) {
      const history = await this.#broker.read(this.name, from);
      if (!this.#isMember(member)) return;
      if (!member.welcomed || history.recovered === false) await member.greet(history, charge);
      pace.charge(address, messagesOf(history));
      const frameOf = replays.of(this.name, member.encode, history);
      for (const publication of history.publications) {
        if (!this.#isMember(member)) return;
        await member.replay(publication, frameOf);
      }
      const { epoch } = history.position;
      from = { epoch, offset: member.offset };
      // In the same turn as the look at what has been seen: nothing comes in between.
      member.debts.pay();
      if (this.#seen.epoch === epoch && this.#seen.offset <= member.offset) break;
    }
    // What has come so far is not for it, or it has had it from the history.
    if (!member.welcome) member.debts.pay();
    member.goLive();
  }

  #isMember(member: Member): boolean {
    return member.connection.open && this.members.get(member.connection) === member;
  }

  /** See {@link Subscriber}. */
  message(publication: Publication): void {
    this.#seen = { epoch: this.#seen.epoch, offset: publication.offset };
    const frames: Frames = new Map();
    this.#fanOut.add((member) => {
      if (!member.live) return;
      member.offset = publication.offset;
      member.send(frames, publication.data, publication);
    });
  }

  /** See {@link Subscriber}. */
  signal(data: string): void {
    const frames: Frames = new Map();
    this.#fanOut.add((member) => {
      if (member.welcomed) member.send(frames, data);
    });
  }

  /**
   * See {@link Subscriber}. Each member gets what came before, then catches up again; who is still
   * catching up finds out by itself, at its next read.
   */
  epoch(position: Position): void {
    this.#seen = position;
    let isTold = false;
    const failed = (error: unknown, member: Member) => {
      if (!isTold)
        this.#parts.failed(error, { stage: "read", topic: this.name }, member.connection);
      isTold = true;
      if (this.#isMember(member)) member.connection.close(1013, "the history cannot be read");
    };
    this.#fanOut.add((member) => {
      if (!member.welcome || !member.live) return;
      member.restart();
      this.catchUp(member, NOWHERE).catch((error) => failed(error, member));
    });
  }
}

function messagesOf({ publications }: History): number {
  let messages = 0;
  for (const { data } of publications) messages += messagesIn(data.length);
  return messages;
}
