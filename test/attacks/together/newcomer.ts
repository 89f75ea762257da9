import assert from "node:assert/strict";
import http from "node:http";
import { text } from "node:stream/consumers";
import { until, within } from "../../support/within.ts";
import { Talker } from "./talker.ts";

/** An address that neither the crowd nor an attacker has. */
const FROM = "127.0.0.99";
const WAIT_MS = 60_000;

/** A client that comes when all is over, and tries everything. */
export class Newcomer {
  readonly #url: string;
  readonly #host: string;
  readonly #token: string;

  /** @param url the server's, `ws:` and without a final slash */
  constructor(url: string, host: string, token: string) {
    this.#url = url;
    this.#host = host;
    this.#token = token;
  }

  /** Echoes, talks, reads the page, has a text counted, and is the operator. */
  async tryAll(): Promise<void> {
    // What attackers have left in queues goes first; nginx waits five seconds for it, then says 504.
    let status = 0;
    const isReady = async () => {
      ({ status } = await this.#ask("GET", "/readyz"));
      return status === 200;
    };
    await until(isReady, () => `the server to be ready, not ${status}`, WAIT_MS);
    for (const speech of ["echo", "v1", "plain"] as const) {
      const seat = { url: this.#url, host: this.#host, from: FROM, speech };
      const talker = new Talker({ ...seat, room: `new-${speech}`, id: `new-${speech}` });
      await within(talker.welcomed, `a welcome in ${speech}`, WAIT_MS);
      talker.say();
      await until(() => talker.hasHeard(talker), `an answer in ${speech}`, WAIT_MS);
      await talker.leave();
      assert.deepEqual(talker.faults, []);
    }
    assert.equal((await this.#ask("GET", "/")).status, 200);
    const bearer = { Authorization: `Bearer ${this.#token}` };
    assert.equal((await this.#ask("GET", "/admin/", bearer)).status, 200);
    await this.#count();
  }

  async #count(): Promise<void> {
    const type = { "Content-Type": "text/plain" };
    const { status, body } = await this.#ask("POST", "/tasks/wordcount", type, "two words");
    assert.equal(status, 202, body);
    const { url } = JSON.parse(body);
    let last = "";
    const done = async () => {
      const answer = await this.#ask("GET", url);
      last = answer.body;
      // On a slow machine the client asks for long, and nginx paces it: 429.
      return answer.status === 200 && JSON.parse(last).status === "succeeded";
    };
    await until(done, () => `a task to succeed, which says ${last}`, WAIT_MS);
    assert.equal(JSON.parse(last).result.words, 2);
  }

  async #ask(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: string,
  ): Promise<{ status: number; body: string }> {
    const { hostname: host, port } = new URL(this.#url);
    const request = http.request({
      ...{ host, port, path, method, agent: false, localAddress: FROM },
      headers: { Host: this.#host, ...headers },
    });
    const response = new Promise<http.IncomingMessage>((resolve, reject) => {
      request.once("response", resolve).once("error", reject);
    });
    request.end(body);
    const answer = await within(response, `an answer to ${method} ${path}`, WAIT_MS);
    return { status: answer.statusCode ?? 0, body: await text(answer) };
  }
}
