import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { describe, test } from "node:test";
import { App, createLog, serve } from "koa-subapps";
import { DropLog } from "../../../lib/server/dropped.ts";
import { Program } from "../../support/program.ts";
import { ROOT } from "../../support/snippets.ts";
import { until } from "../../support/within.ts";

/** A log, and its lines of dropped connections. */
function listening() {
  const lines: string[] = [];
  const log = createLog({ destination: { write: (line: string) => void lines.push(line) } });
  const dropped = () =>
    lines
      .map((line) => JSON.parse(line))
      .filter(({ event }) => event === "dropped")
      .map(({ connections, reason, level }) => ({ connections, reason, level }));
  return { log, dropped };
}

describe("the log of dropped connections", () => {
  test("has the first at once and the others in one line for each reason", () => {
    const { log, dropped } = listening();
    const drops = new DropLog(log);
    drops.add("a");
    assert.deepEqual(dropped(), [{ connections: 1, reason: "a", level: 40 }]);
    for (const reason of ["a", "b", "a"]) drops.add(reason);
    assert.equal(dropped().length, 1);
    drops.end();
    assert.deepEqual(dropped().slice(1), [
      { connections: 2, reason: "a", level: 40 },
      { connections: 1, reason: "b", level: 40 },
    ]);
  });

  test("has what Node drops for maxConnections, and what accept fails with ends nothing", async () => {
    const { log, dropped } = listening();
    const serving = await serve(new App(), { port: 0, log });
    serving.server.maxConnections = 1;
    const { port } = new URL(serving.url);
    const sockets = [1, 2].map(() => net.connect(Number(port), "127.0.0.1").on("error", () => {}));
    await until(() => dropped().length > 0, "a line");
    for (const socket of sockets) socket.destroy();
    serving.server.emit("error", Object.assign(new Error("accept ENFILE"), { code: "ENFILE" }));
    await serving.close();
    assert.deepEqual(
      dropped().map(({ reason }) => reason),
      ["the server has reached its maxConnections", "accept ENFILE"],
    );
  });
});

test("connections that want for file descriptors leave a line, and the server goes on", async () => {
  const command = "ulimit -n 128 && exec node --import tsx main.ts";
  await using program = new Program(command, { cwd: ROOT, env: { PORT: "0" } });
  const [url = ""] = [await program.prints(/http:\/\/127\.0\.0\.1:\d+\//)];
  const sockets = Array.from({ length: 200 }, () => {
    const socket = net.connect(Number(new URL(url).port), "127.0.0.1");
    return socket.on("error", () => {});
  });
  await program.prints(/"event":"dropped"[^\n]*file descriptors[^\n]*EMFILE/);
  // A file can be opened all the same.
  const open = sockets.find((socket) => !socket.destroyed && socket.readyState === "open");
  open?.write("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const [answer] = await once(open as net.Socket, "data", { signal: AbortSignal.timeout(20_000) });
  assert.match(String(answer), /^HTTP\/1\.1 200 /);
  for (const socket of sockets) socket.destroy();
  program.signal("SIGTERM");
  assert.equal((await program.ends()).code, 0);
});
