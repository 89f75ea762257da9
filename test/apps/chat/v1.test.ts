import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createChat } from "../../../apps/chat/index.ts";
import { Rooms } from "../../../apps/chat/room.ts";
import { App, type Broker, Hub, MemoryBroker, type RouteOptions } from "../../../lib/index.ts";
import { HandshakeRefused, TestClient } from "../../../lib/testing/index.ts";
import { Chatter, type Of } from "../../support/chatter.ts";
import { RestartingBroker } from "../../support/restarting-broker.ts";
import { until } from "../../support/within.ts";

const COUNT = 3;
const HOUR_MS = 3_600_000;

/** A chat of its own with a short history. */
interface Served extends AsyncDisposable {
  readonly client: TestClient;
  readonly rooms: Rooms;
}

async function serveChat(
  options: { broker?: Broker; limits?: RouteOptions; ageMs?: number } = {},
): Promise<Served> {
  const { broker = new MemoryBroker(), limits = {}, ageMs = HOUR_MS } = options;
  const rooms = new Rooms(new Hub({ broker, retention: { count: COUNT, ageMs } }));
  const client = await TestClient.start(new App().mount("/chat", createChat(rooms, limits)));
  const close = async () => {
    await client.close();
    await broker.close();
  };
  return { client, rooms, [Symbol.asyncDispose]: close };
}

/** A client that connects, takes its welcome and leaves the rest for the test. */
async function enter(client: TestClient, path: string): Promise<Chatter> {
  return (await Chatter.enter(client, path)).chatter;
}

/** Everything that a new visitor of a room is sent before it asks for more. */
async function visit(client: TestClient, path: string): Promise<[Of<"welcome">, string[]]> {
  const { chatter, welcome } = await Chatter.enter(client, path);
  const { members } = welcome;
  assert.ok(members.length > 0);
  chatter.socket.send("?");
  const texts: string[] = [];
  for (;;) {
    const message = await chatter.socket.receiveJson<Of<"message"> | Of<"error">>();
    if (message.type === "error") break;
    assert.equal(message.offset, welcome.position.offset + texts.length + 1);
    texts.push(message.text);
  }
  assert.equal(welcome.latest, welcome.position.offset + texts.length, "the replay ends there");
  await chatter.socket.close();
  return [welcome, texts];
}

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe("chat.v1", () => {
  test("is what a visit looks like, message by message", async () => {
    await using served = await serveChat();
    const { client } = served;
    const { chatter: ann, welcome } = await Chatter.enter(client, "tea/ann");
    const [self] = welcome.members;
    assert.match(self?.since ?? "", ISO);
    assert.deepEqual(welcome, {
      type: "welcome",
      room: "tea",
      you: "ann",
      position: { epoch: welcome.position.epoch, offset: 0 },
      latest: 0,
      recovered: null,
      members: [{ id: "ann", since: self?.since }],
    });
    const { chatter: bob, welcome: second } = await Chatter.enter(client, "tea/bob");
    assert.deepEqual(
      second.members.map(({ id }) => id),
      ["ann", "bob"],
    );
    assert.deepEqual(second.members[0], self);
    assert.deepEqual(second.position, welcome.position);
    const joined = await ann.next("joined");
    assert.deepEqual(joined, { type: "joined", member: second.members[1] });
    ann.say("1", "hello");
    const message = await ann.next("message");
    assert.match(message.at, ISO);
    assert.deepEqual(message, {
      type: "message",
      offset: 1,
      from: "ann",
      text: "hello",
      at: message.at,
    });
    assert.deepEqual(await ann.next("ack"), { type: "ack", id: "1", offset: 1 });
    assert.deepEqual(await bob.next("message"), message);
    await bob.socket.close();
    assert.deepEqual(await ann.next("left"), { type: "left", member: joined.member });
    await ann.nothingElse();
  });

  test("is chosen by the subprotocol, and everything else gets plain text", async () => {
    await using served = await serveChat();
    const { client } = served;
    for (const protocols of [["chat.v1"], ["other", "chat.v1"], ["chat.v1", "other"]]) {
      const socket = await client.connect("/chat/tea/ann", { protocols });
      assert.equal(socket.protocol, "chat.v1");
      assert.equal((await socket.receiveJson<{ type: string }>()).type, "welcome");
      await socket.close();
    }
    const socket = await client.connect("/chat/tea/ann");
    assert.equal(socket.protocol, "");
    socket.send("hello");
    assert.equal(await socket.receive(), "You wrote: hello");
  });

  test("has the lobby at a client id alone, which is the room of that name", async () => {
    await using served = await serveChat();
    const { client } = served;
    const { chatter: ann, welcome } = await Chatter.enter(client, "ann");
    assert.equal(welcome.room, "lobby");
    const bob = await enter(client, "lobby/bob");
    assert.equal((await ann.next("joined")).member.id, "bob");
    const plain = await client.connect("/chat/eve");
    assert.equal((await ann.next("joined")).member.id, "eve");
    assert.equal((await bob.next("joined")).member.id, "eve");
    await bob.said("1", "hello");
    assert.equal((await ann.next("message")).text, "hello");
    assert.equal(await plain.receive(), "Client #bob says: hello");
  });

  test("meets plain text in one room, and each reads its own", async () => {
    await using served = await serveChat();
    const { client } = served;
    const ann = await enter(client, "tea/ann");
    const bob = await client.connect("/chat/tea/bob");
    assert.equal((await ann.next("joined")).member.id, "bob");
    bob.send('{"type":"say","id":"1","text":"no JSON to me"}');
    const text = '{"type":"say","id":"1","text":"no JSON to me"}';
    assert.equal(await bob.receive(), `You wrote: ${text}`);
    assert.equal(await bob.receive(), `Client #bob says: ${text}`);
    const message = await ann.next("message");
    assert.deepEqual([message.from, message.text, message.offset], ["bob", text, 1]);
    await ann.said("1", "hello");
    assert.equal(await bob.receive(), "Client #ann says: hello");
    const eve = await enter(client, "tea/eve");
    assert.equal((await eve.next("message")).text, text);
    await eve.socket.close();
    assert.equal(await bob.receive(), "Client #eve left the chat");
    await ann.socket.close();
    assert.equal(await bob.receive(), "Client #ann left the chat");
  });

  test("keeps rooms apart, with their offsets, members and ids", async () => {
    await using served = await serveChat();
    const { client } = served;
    const tea = await enter(client, "tea/ann");
    const { chatter: coffee, welcome } = await Chatter.enter(client, "coffee/ann");
    assert.equal(welcome.members.length, 1);
    await tea.said("1", "tea");
    const message = await coffee.said("1", "coffee");
    assert.equal(message.offset, 1);
    await coffee.socket.close();
    await tea.nothingElse();
  });

  test("carries text as it is", async () => {
    await using served = await serveChat();
    const ann = await enter(served.client, "tea/ann");
    for (const text of ["", " ", "<script>", "ü€😀", '"\\\u0000\n\u2028', "x".repeat(60_000)]) {
      assert.equal((await ann.said(text.slice(0, 60) || "empty", text)).text, text);
    }
  });

  test("ends the connection of who says too much 1008, and of nobody else", async () => {
    const limits = { messagesPerSecond: 1, burstMessages: 20 };
    await using served = await serveChat({ limits });
    const ann = await enter(served.client, "tea/ann");
    const bob = await enter(served.client, "tea/bob");
    await ann.next("joined");
    for (let i = 0; i < 30; i++) bob.say(`${i}`, "spam");
    const closed = await bob.socket.closed();
    assert.deepEqual(closed, { code: 1008, reason: "too many messages a second" });
    let message = await ann.socket.receiveJson<{ type: string }>();
    while (message.type === "message") message = await ann.socket.receiveJson();
    assert.equal(message.type, "left");
    await ann.said("1", "fine");
  });

  test("by default takes 500 messages at once and refuses the hundreds after", async () => {
    await using served = await serveChat();
    const ann = await enter(served.client, "tea/ann");
    for (let i = 0; i < 1_000; i++) ann.socket.send("?");
    assert.equal((await ann.socket.closed()).code, 1008);
    for (let i = 0; i < 500; i++) await ann.next("error");
  });
});

const RULE = "1–64 characters: letters, marks and digits of any script, _ and -, in NFC";

describe("a name that is not allowed", () => {
  const names = ["x".repeat(65), "a%20b", "%C3", "a%2Fb", "%00", "a.b", "%", "<b>", "a:b"];
  for (const protocols of [[], ["chat.v1"]]) {
    const kind = protocols.length ? "chat.v1" : "plain text";
    for (const name of names) {
      test(`${name.slice(0, 10)} (${name.length} characters) is refused 400 with the rule, in ${kind}`, async () => {
        await using served = await serveChat();
        for (const [path, what] of [
          [`/chat/${name}/ann`, "room name"],
          [`/chat/tea/${name}`, "client id"],
          [`/chat/${name}`, "client id"],
        ] as const) {
          await assert.rejects(served.client.connect(path, { protocols }), (error) => {
            assert.ok(error instanceof HandshakeRefused);
            assert.equal(error.status, 400);
            assert.equal(error.body, `expected a ${what} of ${RULE}`);
            return true;
          });
        }
        assert.deepEqual([served.rooms.presence.topics(), served.rooms.hub.topics()], [[], []]);
      });
    }
  }

  test("is none of these", async () => {
    await using served = await serveChat();
    for (const name of ["a", "A-Z_09", "x".repeat(64), "__proto__", "-", "constructor"]) {
      const { welcome } = await Chatter.enter(served.client, `${name}/${name}`);
      assert.deepEqual([welcome.room, welcome.you], [name, name]);
      assert.deepEqual(
        welcome.members.map(({ id }) => id),
        [name],
      );
    }
  });
});

describe("a resume", () => {
  /** A room with `count` messages, and a way to enter it with a query. */
  async function room(served: Served, count: number) {
    const { chatter, welcome } = await Chatter.enter(served.client, "tea/ann");
    for (let i = 1; i <= count; i++) await chatter.said(`${i}`, `m${i}`);
    await chatter.socket.close();
    const { epoch } = welcome.position;
    return { epoch, resume: (query: string) => visit(served.client, `tea/bob${query}`) };
  }

  test("that was none says null and gives all that is retained", async () => {
    await using served = await serveChat();
    const { epoch, resume } = await room(served, 5);
    for (const query of ["", "?", "?other=1"]) {
      const [welcome, texts] = await resume(query);
      assert.equal(welcome.recovered, null);
      assert.deepEqual(welcome.position, { epoch, offset: 2 });
      assert.deepEqual(texts, ["m3", "m4", "m5"]);
    }
  });

  test("says true and gives every message since, in order and once", async () => {
    await using served = await serveChat();
    const { epoch, resume } = await room(served, 5);
    for (const [offset, expected] of [
      [5, []],
      [4, ["m5"]],
      [3, ["m4", "m5"]],
      [2, ["m3", "m4", "m5"]],
    ] as const) {
      const [welcome, texts] = await resume(`?epoch=${epoch}&offset=${offset}`);
      assert.equal(welcome.recovered, true);
      assert.deepEqual(welcome.position, { epoch, offset });
      assert.deepEqual(texts, expected);
    }
  });

  test("says true of a room in which nothing was said", async () => {
    await using served = await serveChat();
    const { epoch, resume } = await room(served, 0);
    const [welcome, texts] = await resume(`?epoch=${epoch}&offset=0`);
    assert.deepEqual([welcome.recovered, welcome.position.offset, texts], [true, 0, []]);
  });

  const lost: [string, string][] = [
    ["a position that is too old", "?epoch=EPOCH&offset=1"],
    ["the beginning", "?epoch=EPOCH&offset=0"],
    ["the future", "?epoch=EPOCH&offset=6"],
    ["the far future", "?epoch=EPOCH&offset=9007199254740991"],
    ["more than a number holds", "?epoch=EPOCH&offset=9007199254740993"],
    ["far more than a number holds", `?epoch=EPOCH&offset=${"9".repeat(400)}`],
    ["another epoch", "?epoch=another&offset=5"],
    ["an empty epoch", "?epoch=&offset=5"],
    ["two epochs", "?epoch=EPOCH&epoch=EPOCH&offset=5"],
    ["two offsets", "?epoch=EPOCH&offset=5&offset=5"],
    ["no epoch", "?offset=5"],
    ["no offset", "?epoch=EPOCH"],
    ["an empty offset", "?epoch=EPOCH&offset="],
    ["nothing in both", "?epoch=&offset="],
    ["an offset with a sign", "?epoch=EPOCH&offset=%2B5"],
    ["a negative offset", "?epoch=EPOCH&offset=-1"],
    ["an offset with a fraction", "?epoch=EPOCH&offset=4.5"],
    ["an offset in another notation", "?epoch=EPOCH&offset=5e0"],
    ["a hexadecimal offset", "?epoch=EPOCH&offset=0x5"],
    ["an offset with a space", "?epoch=EPOCH&offset=5%20"],
    ["an offset that is no number", "?epoch=EPOCH&offset=NaN"],
    ["an offset in other digits", "?epoch=EPOCH&offset=%D9%A5"],
    ["an epoch that cannot be decoded", "?epoch=%ff&offset=5"],
    ["an epoch that is a property", "?epoch=__proto__&offset=5"],
  ];
  for (const [what, query] of lost) {
    test(`from ${what} says false and gives all that is retained`, async () => {
      await using served = await serveChat();
      const { epoch, resume } = await room(served, 5);
      const [welcome, texts] = await resume(query.replaceAll("EPOCH", epoch));
      assert.equal(welcome.recovered, false);
      assert.deepEqual(welcome.position, { epoch, offset: 2 });
      assert.deepEqual(texts, ["m3", "m4", "m5"]);
    });
  }

  test("from the position of another room says false", async () => {
    await using served = await serveChat();
    const { epoch } = await room(served, 5);
    const [welcome] = await visit(served.client, `coffee/bob?epoch=${epoch}&offset=0`);
    assert.equal(welcome.recovered, false);
  });

  test("after a drop in the middle of the replay loses nothing", async () => {
    await using served = await serveChat();
    const { epoch } = await room(served, 5);
    const texts: string[] = [];
    let at = { epoch, offset: 2 };
    // Each connection lasts for the welcome, and every second for one message more.
    for (let i = 0; texts.length < 3; i++) {
      const path = `tea/bob?epoch=${at.epoch}&offset=${at.offset}`;
      const { chatter, welcome } = await Chatter.enter(served.client, path);
      assert.equal(welcome.recovered, true);
      assert.deepEqual(welcome.position, at);
      at = welcome.position;
      if (i % 2) {
        const { offset, text } = await chatter.next("message");
        texts.push(text);
        at = { ...at, offset };
      }
      chatter.socket.terminate();
    }
    assert.deepEqual(texts, ["m3", "m4", "m5"]);
  });

  test("after a first visit that saw nothing but its welcome loses nothing", async () => {
    await using served = await serveChat();
    await room(served, 5);
    const { chatter, welcome } = await Chatter.enter(served.client, "tea/bob");
    chatter.socket.terminate();
    const { epoch, offset } = welcome.position;
    const [again, texts] = await visit(served.client, `tea/bob?epoch=${epoch}&offset=${offset}`);
    assert.deepEqual([again.recovered, texts], [true, ["m3", "m4", "m5"]]);
  });

  test("is not needed by a member that stays when the epoch changes: it is welcomed anew", async () => {
    const broker = new RestartingBroker();
    await using served = await serveChat({ broker });
    const { chatter: ann, welcome } = await Chatter.enter(served.client, "tea/ann");
    const plain = await served.client.connect("/chat/tea/bob");
    await ann.next("joined");
    await ann.said("1", "old");
    assert.equal(await plain.receive(), "Client #ann says: old");
    const position = await broker.restart("tea");
    const again = await ann.next("welcome");
    assert.deepEqual(again.position, position);
    assert.notEqual(again.position.epoch, welcome.position.epoch);
    assert.deepEqual([again.latest, again.recovered], [0, false]);
    assert.deepEqual(
      again.members.map(({ id }) => id),
      ["ann", "bob"],
    );
    assert.equal((await ann.said("2", "new")).offset, 1);
    assert.equal(await plain.receive(), "Client #ann says: new");
  });
});

describe("the latest offset of a welcome", () => {
  test("ends the replay where the history was read, whatever is said before the welcome goes out", async () => {
    const broker = new RestartingBroker();
    await using served = await serveChat({ broker });
    const ann = await enter(served.client, "tea/ann");
    await ann.said("1", "before");
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    broker.afterRead = () => opened;
    const bob = await Chatter.connect(served.client, "tea/bob");
    await ann.next("joined");
    broker.afterRead = () => {};
    await ann.said("2", "meanwhile");
    open();
    const { latest, position } = await bob.next("welcome");
    assert.deepEqual([position.offset, latest], [0, 1]);
    assert.deepEqual(
      [(await bob.next("message")).text, (await bob.next("message")).offset],
      ["before", 2],
    );
    assert.equal((await bob.said("1", "after")).offset, 3);
  });

  test("is the room's, though the history has aged out", async () => {
    await using served = await serveChat({ ageMs: 20 });
    const ann = await enter(served.client, "tea/ann");
    for (let i = 1; i <= 5; i++) await ann.said(`${i}`, `m${i}`);
    const aged = async () => (await served.rooms.hub.broker.read("tea")).publications.length === 0;
    await until(aged, "nothing to be retained");
    const { welcome } = await Chatter.enter(served.client, "tea/bob");
    assert.deepEqual([welcome.position.offset, welcome.latest], [5, 5]);
  });
});

describe("a message id", () => {
  test("that comes again with its text is acknowledged and not delivered twice", async () => {
    await using served = await serveChat();
    const ann = await enter(served.client, "tea/ann");
    const bob = await enter(served.client, "tea/bob");
    await ann.next("joined");
    await ann.said("1", "once");
    await ann.said("2", "next");
    ann.say("1", "once");
    assert.deepEqual(await ann.next("ack"), { type: "ack", id: "1", offset: 1 });
    assert.equal((await bob.next("message")).text, "once");
    assert.equal((await bob.next("message")).text, "next");
    await bob.nothingElse();
  });

  test("that comes again on another connection of the client, too", async () => {
    await using served = await serveChat();
    const first = await enter(served.client, "tea/ann");
    // Gone before it has read its ack.
    first.say("1", "once");
    await first.next("message");
    first.socket.terminate();
    const again = await enter(served.client, "tea/ann");
    assert.equal((await again.next("message")).text, "once");
    again.say("1", "once");
    assert.deepEqual(await again.next("ack"), { type: "ack", id: "1", offset: 1 });
    await again.nothingElse();
  });

  test("that comes with another text is an error, and nothing is delivered", async () => {
    await using served = await serveChat();
    const ann = await enter(served.client, "tea/ann");
    await ann.said("1", "once");
    ann.say("1", "other");
    const error = await ann.next("error");
    assert.deepEqual([error.code, error.id], ["id_reused", "1"]);
    ann.say("1", "once");
    assert.equal((await ann.next("ack")).offset, 1);
    await ann.nothingElse();
  });

  test("is each client's own", async () => {
    await using served = await serveChat();
    const ann = await enter(served.client, "tea/ann");
    const bob = await enter(served.client, "tea/bob");
    await ann.next("joined");
    await ann.said("1", "ann's");
    assert.equal((await bob.next("message")).from, "ann");
    assert.equal((await bob.said("1", "bob's")).offset, 2);
  });

  test("is forgotten with its message", async () => {
    await using served = await serveChat();
    const ann = await enter(served.client, "tea/ann");
    for (let i = 1; i <= COUNT; i++) await ann.said(`${i}`, `m${i}`);
    ann.say("1", "m1");
    await ann.next("ack");
    await ann.said(`${COUNT + 1}`, "one more");
    assert.equal((await ann.said("1", "another text")).offset, COUNT + 2);
  });
});

describe("a message that is none", () => {
  const say = (rest: object) => JSON.stringify({ type: "say", ...rest });
  const id = "x".repeat(64);
  const bad: [string, string, "not_json" | "invalid", string | undefined][] = [
    ["no JSON", "hello", "not_json", undefined],
    ["nothing", "", "not_json", undefined],
    ["null", "null", "invalid", undefined],
    ["a list", "[]", "invalid", undefined],
    ["no type", '{"id":"1","text":"x"}', "invalid", "1"],
    ["another type", '{"type":"shout","id":"1","text":"x"}', "invalid", "1"],
    ["one of the server's", '{"type":"ack","id":"1","offset":1}', "invalid", "1"],
    ["no text", say({ id: "1" }), "invalid", "1"],
    ["a text that is a number", say({ id: "1", text: 1 }), "invalid", "1"],
    ["a text that is null", say({ id, text: null }), "invalid", id],
    ["no id", say({ text: "x" }), "invalid", undefined],
    ["an empty id", say({ id: "", text: "x" }), "invalid", undefined],
    ["an id that is too long", say({ id: `${id}x`, text: "x" }), "invalid", undefined],
    ["an id that is a number", say({ id: 1, text: "x" }), "invalid", undefined],
    ["a __proto__ key", '{"type":"say","id":"1","text":"x","__proto__":{}}', "not_json", undefined],
  ];
  for (const [what, text, code, known] of bad) {
    test(`but ${what} is answered with an error${known ? " that has its id" : ""}`, async () => {
      await using served = await serveChat();
      const ann = await enter(served.client, "tea/ann");
      const bob = await enter(served.client, "tea/bob");
      await ann.next("joined");
      ann.socket.send(text);
      const error = await ann.next("error");
      assert.equal(error.code, code);
      assert.equal(error.id, known);
      assert.ok(error.message.length > 0);
      assert.equal((await ann.said("1", "fine")).offset, 1);
      assert.equal((await bob.next("message")).text, "fine");
    });
  }

  test("but binary is no message of this protocol: it closes 1003", async () => {
    await using served = await serveChat();
    const ann = await enter(served.client, "tea/ann");
    ann.socket.send(Buffer.from(say({ id: "1", text: "x" })));
    assert.equal((await ann.socket.closed()).code, 1003);
  });

  test("may have fields that are not known, and they go nowhere", async () => {
    await using served = await serveChat();
    const ann = await enter(served.client, "tea/ann");
    ann.socket.send(say({ id: "1", text: "x", from: "eve", offset: 7, at: "never" }));
    const { offset, from } = await ann.next("message");
    assert.deepEqual([offset, from], [1, "ann"]);
  });
});

describe("presence", () => {
  const members = async (client: TestClient) => {
    const { chatter, welcome } = await Chatter.enter(client, "tea/observer");
    await chatter.socket.close();
    return welcome.members.map(({ id }) => id).filter((id) => id !== "observer");
  };

  test("has a client once, however many tabs, until the last has ended", async () => {
    await using served = await serveChat();
    const { client } = served;
    const ann = await enter(client, "tea/ann");
    const { chatter: one, welcome } = await Chatter.enter(client, "tea/bob");
    const joined = await ann.next("joined");
    const two = await Chatter.enter(client, "tea/bob");
    assert.deepEqual(two.welcome.members, welcome.members, "since the first tab");
    const plain = await client.connect("/chat/tea/bob");
    await one.socket.close();
    await plain.close();
    await until(() => served.rooms.hub.members("tea").length === 2, "two connections");
    await ann.nothingElse();
    assert.deepEqual(await members(client), ["ann", "bob"]);
    await ann.next("joined");
    await ann.next("left");
    two.chatter.socket.terminate();
    assert.deepEqual(await ann.next("left"), { type: "left", member: joined.member });
    await ann.nothingElse();
  });

  test("is right after clients that are gone without a word", async () => {
    await using served = await serveChat();
    const ann = await enter(served.client, "tea/ann");
    for (let i = 0; i < 5; i++) {
      const bob = await enter(served.client, "tea/bob");
      const { member } = await ann.next("joined");
      bob.socket.terminate();
      assert.deepEqual(await ann.next("left"), { type: "left", member });
    }
    assert.deepEqual(await members(served.client), ["ann"]);
  });

  test("is right after a client that is half open: silent, and never closed", async () => {
    const limits = { heartbeatMs: 50, pongTimeoutMs: 50 };
    await using served = await serveChat({ limits });
    const ann = await enter(served.client, "tea/ann");
    const bob = await enter(served.client, "tea/bob");
    const { member } = await ann.next("joined");
    // It reads nothing any more, so it answers no ping; its socket stays.
    bob.socket.ws.pause();
    assert.deepEqual(await ann.next("left"), { type: "left", member });
    assert.deepEqual(served.rooms.hub.members("tea").length, 1);
    bob.socket.terminate();
  });

  test("tells of nobody before the welcome, and the welcome knows them", async () => {
    const broker = new RestartingBroker();
    await using served = await serveChat({ broker });
    const first = await enter(served.client, "tea/first");
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    broker.afterRead = () => opened;
    const ann = await Chatter.connect(served.client, "tea/ann");
    await first.next("joined");
    broker.afterRead = () => {};
    const bob = await enter(served.client, "tea/bob");
    await first.next("joined");
    const eve = await enter(served.client, "tea/eve");
    await first.next("joined");
    eve.socket.terminate();
    await first.next("left");
    await first.said("1", "meanwhile");
    open();
    const welcome = await ann.next("welcome");
    assert.deepEqual(
      welcome.members.map(({ id }) => id),
      ["first", "ann", "bob"],
    );
    assert.equal((await ann.next("message")).text, "meanwhile");
    bob.socket.terminate();
    assert.equal((await ann.next("left")).member.id, "bob");
  });

  test("and everything else of a room is gone after its last member and message", async () => {
    const broker = new MemoryBroker({ idleMs: 20 });
    await using served = await serveChat({ broker, ageMs: 20 });
    const { chatter: ann, welcome } = await Chatter.enter(served.client, "tea/ann");
    const plain = await served.client.connect("/chat/tea/bob");
    await ann.next("joined");
    await ann.said("1", "hello");
    ann.socket.terminate();
    plain.terminate();
    const { hub, presence } = served.rooms;
    await until(async () => (await broker.topics()).length === 0, "no topics");
    assert.deepEqual([hub.topics(), hub.connections(), presence.topics()], [[], [], []]);
    const again = await Chatter.enter(served.client, "tea/ann");
    assert.notEqual(again.welcome.position.epoch, welcome.position.epoch);
    assert.equal(again.welcome.position.offset, 0);
  });
});
