import { once, setMaxListeners } from "node:events";
import net from "node:net";
import { handshake } from "../../support/wire.ts";

/** Where the server is, as attackers see it. */
export interface Place {
  readonly port: number;
  /** What they write into `Host`. */
  readonly host: string;
  /** The longest body that is let in, in bytes. */
  readonly maxBodyBytes: number;
}

/** Does one kind of harm until its attacker is told to end. */
export type Attack = (attacker: Attacker) => Promise<void>;

/** A WebSocket of an attacker's, or a socket that was refused one. */
export interface Held {
  readonly socket: net.Socket;
  /** Resolves when the server has ended it, or the attack ends. */
  readonly closed: Promise<void>;
}

/** Who attacks: with addresses of its own, which no ordinary client has. */
export class Attacker {
  readonly place: Place;
  /** What the server has answered, and how often. */
  readonly counts: Record<string, number> = {};
  readonly #network: string;
  readonly #end = new AbortController();
  readonly #sockets = new Set<net.Socket>();

  /** @param number chooses its addresses, which are 127.0.(number).1 and up: 1 to 255 */
  constructor(place: Place, number: number) {
    this.place = place;
    this.#network = `127.0.${number}`;
    // Each socket that is waited for listens.
    setMaxListeners(0, this.#end.signal);
  }

  /** Whether the attack is to end. */
  get ending(): boolean {
    return this.#end.signal.aborted;
  }

  count(what: string | number): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  /** Does something again and again, in so many lines at once; what fails is counted. */
  async repeat(lines: number, step: (line: number) => Promise<void>): Promise<void> {
    const run = async (line: number) => {
      while (!this.ending) {
        await step(line).catch(() => this.count("no answer"));
      }
    };
    await Promise.all(Array.from({ length: lines }, (_, line) => run(line)));
  }

  /**
   * Connects.
   *
   * @param from which of its addresses, from 0
   */
  async connect(from = 0): Promise<net.Socket> {
    const localAddress = `${this.#network}.${from + 1}`;
    const socket = net.connect({ host: "127.0.0.1", port: this.place.port, localAddress });
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => this.#sockets.delete(socket));
    await once(socket, "connect", { signal: this.#end.signal });
    return socket;
  }

  /** Connects, writes a request and counts the status of its answer. */
  async ask(text: string, from = 0): Promise<void> {
    const socket = await this.connect(from);
    await this.write(socket, text);
    socket.destroy();
  }

  /**
   * Writes a request and counts the status of its answer, for which it waits as long as it takes.
   *
   * @returns whether another request may follow
   */
  write(socket: net.Socket, text: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let got = "";
      const gone = () => reject(new Error("expected an answer, but the connection was closed"));
      const read = (chunk: Buffer) => {
        got += chunk.toString("latin1");
        const end = got.indexOf("\r\n\r\n") + 4;
        const [, length = "0"] = /\r\ncontent-length: (\d+)/i.exec(got) ?? [];
        if (end < 4 || got.length < end + Number(length)) return;
        socket.off("data", read).off("close", gone);
        this.count(got.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length));
        resolve(!/\r\nconnection: close\r\n/i.test(got));
      };
      socket.on("data", read).once("close", gone).write(text);
    });
  }

  /** A request as text, with more headers. */
  request(target: string, headers: Record<string, string> = {}, method = "GET"): string {
    const all = { Host: this.place.host, ...headers };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    return `${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`;
  }

  /** Opens a WebSocket, whose messages it does not look at. */
  async open(path: string, from = 0, protocol?: string): Promise<Held> {
    const socket = await this.connect(from);
    const headers = { Host: this.place.host, "Sec-WebSocket-Protocol": protocol };
    await this.write(socket, handshake(path, headers));
    return { socket: socket.resume(), closed: this.wait(socket) };
  }

  /** Resolves when a socket has closed, or the attack ends. */
  async wait(socket: net.Socket): Promise<void> {
    if (socket.closed) return;
    await once(socket, "close", { signal: this.#end.signal }).catch(() => {});
  }

  /** Ends the attack. */
  end(): void {
    this.#end.abort();
    for (const socket of this.#sockets) socket.destroy();
  }
}
