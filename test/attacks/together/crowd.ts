import { within } from "../../support/within.ts";
import { PLAIN_ROOMS, V1_ROOMS } from "./rooms.ts";
import { type Speech, Talker } from "./talker.ts";

const IN_ROOM = 10;
const ECHOES = 30;
/** Ten clients have one address: nginx counts by address, as it does for an office. */
const ADDRESSES = 10;
/** Livelier than people. */
const EVERY_MS = 1_000;
const WAIT_MS = 60_000;

/** A hundred ordinary clients, who talk. */
export class Crowd implements AsyncDisposable {
  readonly talkers: Talker[] = [];
  #talking: NodeJS.Timeout | undefined;

  /**
   * Connects them all, into rooms that nobody has been in.
   *
   * @param url the server's, `ws:` and without a final slash
   */
  static async gather(url: string, host: string): Promise<Crowd> {
    const crowd = new Crowd();
    const seat = (speech: Speech, room: string, number: number) => {
      const from = `127.0.0.${2 + (crowd.talkers.length % ADDRESSES)}`;
      const id = `${room}-${number}`;
      crowd.talkers.push(new Talker({ url, host, from, speech, room, id }));
    };
    for (let number = 0; number < IN_ROOM; number++) {
      for (const room of V1_ROOMS) seat("v1", room, number);
      for (const room of PLAIN_ROOMS) seat("plain", room, number);
    }
    for (let number = 0; number < ECHOES; number++) seat("echo", `echo-${number}`, number);
    const all = Promise.all(crowd.talkers.map(({ welcomed }) => welcomed));
    await within(all, "a hundred clients to be welcomed", WAIT_MS);
    return crowd;
  }

  /** What any of them should not have seen. */
  get faults(): string[] {
    return this.talkers.flatMap(({ faults }) => faults);
  }

  /** Whether each has heard all that was said in its room. */
  get hasHeardAll(): boolean {
    return this.talkers.every((talker) =>
      this.#matesOf(talker).every((mate) => talker.hasHeard(mate)),
    );
  }

  /** Has each of them say something now and then. */
  talk(): void {
    this.#talking = setInterval(() => this.sayAll(), EVERY_MS);
  }

  /** Has each of them say something. */
  sayAll(): void {
    for (const talker of this.talkers) talker.say();
  }

  /** Has them fall silent. */
  hush(): void {
    clearInterval(this.#talking);
  }

  /** How many messages they have heard, all together. */
  get heard(): number {
    return this.talkers.reduce((sum, talker) => sum + talker.count, 0);
  }

  /** Has them all leave. */
  async leave(): Promise<void> {
    this.hush();
    await Promise.all(this.talkers.map((talker) => talker.leave()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }

  #matesOf({ seat: { room } }: Talker): Talker[] {
    return this.talkers.filter((mate) => mate.seat.room === room);
  }
}
