import assert from "node:assert/strict";
import type { TestClient, TestSocket } from "koa-subapps/testing";
import { type FromServer, fromServer } from "../../apps/chat/protocol.ts";

/** What is said of one kind of message. */
export type Of<Type extends FromServer["type"]> = Extract<FromServer, { type: Type }>;

/** A client of `chat.v1` that checks all it is sent against the protocol's schemas. */
export class Chatter {
  readonly socket: TestSocket;

  private constructor(socket: TestSocket) {
    this.socket = socket;
  }

  /**
   * Connects to a chat that is mounted at `/chat`.
   *
   * @param path what follows `/chat/`, with a query to resume
   */
  static async connect(client: TestClient, path: string): Promise<Chatter> {
    const socket = await client.connect(`/chat/${path}`, { protocols: ["chat.v1"] });
    assert.equal(socket.protocol, "chat.v1");
    return new Chatter(socket);
  }

  /** Connects and takes the welcome. */
  static async enter(
    client: TestClient,
    path: string,
  ): Promise<{ chatter: Chatter; welcome: Of<"welcome"> }> {
    const chatter = await Chatter.connect(client, path);
    return { chatter, welcome: await chatter.next("welcome") };
  }

  /** Takes the next message, which must be of one type. */
  async next<Type extends FromServer["type"]>(type: Type): Promise<Of<Type>> {
    const came = await this.socket.receiveJson();
    const message = fromServer.parse(came);
    assert.deepEqual(came, message, "it has no fields beside the protocol's");
    assert.equal(message.type, type, JSON.stringify(message));
    return message as Of<Type>;
  }

  /** Says something without waiting for an answer. */
  say(id: string, text: string): void {
    this.socket.sendJson({ type: "say", id, text });
  }

  /** Says something and takes its own message and the ack. */
  async said(id: string, text: string): Promise<Of<"message">> {
    this.say(id, text);
    const message = await this.next("message");
    const ack = await this.next("ack");
    assert.deepEqual(ack, { type: "ack", id, offset: message.offset });
    return message;
  }

  /** Makes sure that nothing came that was not taken. */
  async nothingElse(): Promise<void> {
    this.socket.send("?");
    const { code } = await this.next("error");
    assert.equal(code, "not_json");
  }
}
