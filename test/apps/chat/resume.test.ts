import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Chatter } from "../../support/chatter.ts";
import { withResolvers } from "../../support/deferred.ts";
import { RestartingBroker } from "../../support/restarting-broker.ts";
import { enter, type Served, serveChat, visit } from "../../support/served-chat.ts";
import { until } from "../../support/within.ts";

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
    const { promise: opened, resolve: open } = withResolvers<void>();
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
