import type { Broker, History, Position, Publication, Subscriber } from "../broker/broker.ts";
import type { Connection } from "../connection/connection.ts";
import { FanOut } from "./fan-out.ts";
import { type HistoryPace, messagesIn } from "./history-pace.ts";
import { type Frames, type JoinOptions, Member, type SlowPolicy } from "./member.ts";
import type { Replays } from "./replays.ts";

/** A position of no epoch: `read` returns all retained messages, with `recovered: false`. */
const NOWHERE = { epoch: "", offset: 0 };

/** A call of the broker whose failure no caller sees. */
export type BrokerStage = "read" | "unsubscribe";

/**
 * Receives a failure of a topic's broker.
 *
 * @param connection one of the connections concerned
 */
export type Failed = (
  error: unknown,
  where: BrokerFailure,
  connection: Connection<unknown>,
) => void;

/** Which call of the broker failed, and for which topic. */
export interface BrokerFailure {
  /**
   * `read`: the history of a new epoch could not be read, and the members that need it are closed
   * with 1013. `unsubscribe`: the broker may go on sending messages that this process does not
   * need.
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

/** A topic in this process: passes the broker's messages to its members. */
export class Topic implements Subscriber {
  readonly name: string;
  readonly members = new Map<Connection<unknown>, Member>();
  /** Resolves when the subscription has begun. */
  readonly ready: Promise<void>;
  readonly #broker: Broker;
  readonly #parts: TopicParts;
  readonly #fanOut = new FanOut(this.members);
  /** The position of the last message from the broker. */
  #seen: Position = NOWHERE;

  /** Subscribes to a topic. */
  constructor(name: string, parts: TopicParts) {
    this.name = name;
    this.#broker = parts.broker;
    this.#parts = parts;
    this.ready = this.#broker.subscribe(name, this).then((position) => {
      // An epoch that came meanwhile is newer.
      if (this.#seen.epoch !== "") return;
      const offset = Math.max(this.#seen.offset, position.offset);
      this.#seen = { epoch: position.epoch, offset };
    });
  }

  /** Makes a connection a member. It still has to catch up. */
  add(connection: Connection<unknown>, options: JoinOptions, policy: SlowPolicy): Member {
    const member = new Member(this.name, connection, options, policy, this.#fanOut.last);
    this.members.set(connection, member);
    return member;
  }

  /**
   * Takes a member out, after it was paid its debts.
   *
   * @returns false when the connection was not a member
   */
  delete(connection: Connection<unknown>): boolean {
    const member = this.members.get(connection);
    if (!member) return false;
    member.debts.pay();
    // Paying may have closed the connection, and so taken it out.
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
    // If the subscription failed, `join` has thrown the error, and there is nothing to end.
    this.ready.then(unsubscribe, () => {});
  }

  /**
   * Sends a member the messages after a position, then makes it live.
   *
   * @throws what the broker throws
   */
  async catchUp(member: Member, since: unknown): Promise<void> {
    // Reads, sends, and reads again until nothing new has come meanwhile. However long a slow
    // client takes, there is no queue that could overflow. If messages fall out of the history
    // meanwhile, or the epoch changes, the member gets another welcome.
    const { pace, replays } = this.#parts;
    const { address } = member.connection;
    const charge = (length: number) => pace.charge(address, messagesIn(length));
    let from = since;
    if (member.welcome) await pace.turn(member.connection);
    while (member.welcome && this.#isMember(member)) {
      const history = await this.#broker.read(this.name, from);
      if (!this.#isMember(member)) return;
      if (member.stage === "new" || history.recovered === false)
        await member.greet(history, charge);
      pace.charge(address, messagesOf(history));
      const frameOf = replays.of(this.name, member.encode, history);
      for (const publication of history.publications) {
        if (!this.#isMember(member)) return;
        await member.replay(publication, frameOf);
      }
      const { epoch } = history.position;
      from = { epoch, offset: member.offset };
      // In the same turn as the check of `#seen`, so that no message comes in between.
      member.debts.pay();
      if (this.#seen.epoch === epoch && this.#seen.offset <= member.offset) break;
    }
    // Messages so far are not for this member, or it has had them from the history.
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
    this.#fanOut.add((member) => member.hear(frames, publication));
  }

  /** See {@link Subscriber}. */
  signal(data: string): void {
    const frames: Frames = new Map();
    this.#fanOut.add((member) => {
      if (member.stage !== "new") member.send(frames, data);
    });
  }

  /**
   * See {@link Subscriber}. Each member gets the earlier messages, then catches up again. A member
   * that is still catching up sees the new epoch at its next read.
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
      if (!member.welcome || member.stage !== "live") return;
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
