import assert from "node:assert/strict";
import { cp, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import type { RedisBrokerOptions } from "../../../../lib/broker/redis/index.ts";
import { RedisBroker, Unavailable } from "../../../../lib/broker/redis/index.ts";
import { Program } from "../../../support/program.ts";
import { startProxy } from "../../../support/proxy.ts";
import { RedisServer } from "../../../support/redis.ts";
import { ROOT } from "../../../support/snippets.ts";
import { until } from "../../../support/within.ts";

const SECRET = "s3cr3t-word";
const URL_WITH_SECRET = `redis://app:${SECRET}@127.0.0.1:1`;

const WRONG: Record<string, [Partial<Record<keyof RedisBrokerOptions | "size", unknown>>, RegExp]> =
  {
    "an option that there is not": [{ size: 1 }, /only options of a RedisBroker .* but got size/],
    "a prefix with a brace": [{ prefix: "a{b}" }, /the option prefix .* letters, digits/],
    "an empty prefix": [{ prefix: "" }, /the option prefix/],
    "a prefix that is a number": [{ prefix: 7 }, /the option prefix .* but got 7/],
    "a certificate that is a path": [{ ca: "/etc/ca.pem" }, /the option ca .* in PEM/],
    "a negative idle time": [{ idleMs: -1 }, /the option idleMs/],
    "an idle time that is a text": [{ idleMs: "60s" }, /the option idleMs/],
    "a bound of nothing": [{ maxBytes: 0 }, /the option maxBytes/],
    "a clock that is a number": [{ now: 5 }, /the option now .* a function/],
  };

for (const [what, [options, message]] of Object.entries(WRONG)) {
  test(`a broker with ${what} is refused, and the error does not show the password`, () => {
    assert.throws(
      () => new RedisBroker({ url: URL_WITH_SECRET, ...options } as RedisBrokerOptions),
      (error: unknown) => {
        assert.ok(error instanceof TypeError);
        assert.match(error.message, message);
        assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), new RegExp(SECRET));
        return true;
      },
    );
  });
}

test("a broker connects at its first use, and one that is not used holds nothing", async () => {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const broker = new RedisBroker({ url: `redis://127.0.0.1:${port}` });
  await broker.close();
  assert.equal(connections, 0);
  const used = new RedisBroker({ url: `redis://127.0.0.1:${port}` });
  await assert.rejects(used.open(100), Unavailable);
  assert.ok(connections > 0);
  await used.close();
  await new Promise((resolve) => server.close(resolve));
});

test("a broker that is closed refuses what is asked of it, and may be left and closed again", async () => {
  const broker = new RedisBroker({ url: URL_WITH_SECRET });
  await broker.close();
  const subscriber = { message() {}, signal() {}, epoch() {} };
  const options = { retention: { count: 1, ageMs: 1_000 } };
  await assert.rejects(broker.publish("t", "a", options), Unavailable);
  await assert.rejects(broker.signal("t", "a"), Unavailable);
  await assert.rejects(broker.subscribe("t", subscriber), Unavailable);
  await assert.rejects(broker.read("t"), Unavailable);
  await assert.rejects(broker.topics(), Unavailable);
  await broker.unsubscribe("t", subscriber);
  await broker.close();
});

test("a broker that waits for Redis and is closed ends what it waits for at once", async () => {
  const broker = new RedisBroker({ url: URL_WITH_SECRET });
  const opening = assert.rejects(broker.open(60_000), Unavailable);
  const reading = assert.rejects(broker.read("t"), Unavailable);
  await broker.close();
  await opening;
  await reading;
});

// Redis answers so where the command that logs in has been renamed, and before version 6.
test("a server that repeats the login in its error does not bring the password into ours", async () => {
  await using server = await refusing(
    (command) => `-ERR unknown command, with args beginning with: ${command.join(" ")}\r\n`,
  );
  const broker = new RedisBroker({ url: `redis://app:${SECRET}@127.0.0.1:${server.port}` });
  await assert.rejects(broker.open(500), (error: unknown) => {
    assert.ok(error instanceof Unavailable);
    assert.ok(server.commands.flat().includes(SECRET), "the password was sent");
    const shown = inspect(error, { depth: 9, showHidden: true });
    assert.match(shown, /expected Redis at 127\.0\.0\.1:\d+ to accept a connection, but: .*AUTH/);
    assert.doesNotMatch(shown, new RegExp(SECRET));
    return true;
  });
  assert.doesNotMatch(
    inspect(broker, { depth: 9, showHidden: true, getters: true }),
    new RegExp(SECRET),
  );
  await broker.close();
});

test("a wrong password is one clear error that does not show it", async () => {
  await using server = await RedisServer.start("--requirepass", "the right one");
  await using proxy = await startProxy(server.socket);
  const url = new URL(proxy.url.replace("http:", "redis:"));
  const broker = new RedisBroker({ url: `redis://:${SECRET}@${url.host}` });
  await assert.rejects(broker.open(500), (error: unknown) => {
    const shown = inspect(error, { depth: 9, showHidden: true });
    assert.match(shown, /WRONGPASS/);
    assert.doesNotMatch(shown, new RegExp(SECRET));
    return true;
  });
  await broker.close();
});

test("two brokers with different prefixes on one Redis share no topic, and with one they do", async () => {
  await using server = await RedisServer.start();
  const brokers = ["chat:", "support:", "support:"].map(
    (prefix) => new RedisBroker({ url: server.url, prefix }),
  );
  const heard: string[][] = [[], [], []];
  const options = { retention: { count: 10, ageMs: 60_000 } };
  for (const [i, broker] of brokers.entries()) {
    await broker.subscribe("lobby", {
      message: ({ data }) => void heard[i]?.push(data),
      signal: (data) => void heard[i]?.push(data),
      epoch() {},
    });
  }
  for (const [i, broker] of brokers.slice(0, 2).entries()) {
    await broker.publish("lobby", `m${i}`, options);
    await broker.signal("lobby", `s${i}`);
  }
  await until(() => heard[2]?.length === 2, "what the namesake published");
  assert.deepEqual(heard, [
    ["m0", "s0"],
    ["m1", "s1"],
    ["m1", "s1"],
  ]);
  assert.deepEqual(
    await Promise.all(brokers.map(async (each) => (await each.read("lobby")).position.offset)),
    [1, 1, 1],
  );
  for (const broker of brokers) await broker.close();
});

test("a process without the package redis is told which command installs it", async () => {
  const directory = await mkdtemp(join(tmpdir(), "koa-subapps-no-redis-"));
  try {
    for (const part of ["lib/broker", "lib/options.ts", "lib/close-codes.ts"]) {
      await cp(join(ROOT, part), join(directory, part), { recursive: true });
    }
    await writeFile(join(directory, "package.json"), '{ "type": "module" }');
    await writeFile(
      join(directory, "main.ts"),
      'import { RedisBroker } from "./lib/broker/redis/index.ts";\n' +
        'console.log("imported");\n' +
        'new RedisBroker({ url: "redis://localhost" });\n',
    );
    const tsx = pathToFileURL(join(ROOT, "node_modules/tsx/dist/loader.mjs")).href;
    await using program = new Program(`exec node --import ${tsx} main.ts`, { cwd: directory });
    const { code, output } = await program.ends();
    assert.equal(code, 1);
    assert.match(output, /^imported$/m);
    assert.match(
      output,
      /expected the package redis \(node-redis 6\), .* but it is not installed; run: npm install redis@6/,
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test("the package exports the engine under an entry of its own, which nothing else loads", async () => {
  const directory = await mkdtemp(join(tmpdir(), "koa-subapps-redis-"));
  try {
    await using build = new Program(`exec npm run build -- ${directory}`, { cwd: ROOT });
    assert.equal((await build.ends()).code, 0);
    await symlink(join(ROOT, "node_modules"), join(directory, "node_modules"));
    await writeFile(
      join(directory, "main.js"),
      'import { createRequire } from "node:module";\n' +
        "const { cache } = createRequire(import.meta.url);\n" +
        "const loaded = () => Object.keys(cache).some((path) => /@redis.client/.test(path));\n" +
        'await import("koa-subapps");\n' +
        'const { RedisBroker } = await import("koa-subapps/redis");\n' +
        'console.log("before", loaded());\n' +
        'await new RedisBroker({ url: "redis://localhost" }).close();\n' +
        'console.log("after", loaded());\n',
    );
    await using program = new Program("exec node main.js", { cwd: directory });
    const { code, output } = await program.ends();
    assert.equal(code, 0, output);
    assert.match(output, /before false\nafter true/);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

/** A server that answers every command with one error. */
async function refusing(answer: (command: string[]) => string) {
  const commands: string[][] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (data) => {
      // Several commands may come at once; each begins with the number of its arguments.
      for (const text of data.toString().split(/^(?=\*\d)/m)) {
        const command = text.split("\r\n").filter((line) => line !== "" && !/^[*$]\d+$/.test(line));
        commands.push(command);
        socket.write(answer(command));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    commands,
    port: (server.address() as { port: number }).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
