// Every attack of this directory at once on main.ts with a heap of 256 MiB, while a hundred clients
// talk. `TOGETHER_SECONDS=120 TEST_FILE_MS=600000` has it last longer, nginx.test.ts likewise.

import { test } from "node:test";
import { startApp } from "../../support/app-process.ts";
import { assertOnly, besiege, ENV } from "./siege.ts";

const MAX_INPUT_BYTES = 100 * 1024 * 1024;

// Attackers come from loopback here: no limit by address holds them, only what holds everybody.
test("all attacks at once on a heap of 256 MiB cost a hundred clients no message and no connection", async (t) => {
  await using app = await startApp({ env: ENV });
  const host = `127.0.0.1:${app.port}`;
  const answers = await besiege(t, app, { port: app.port, host, maxBodyBytes: MAX_INPUT_BYTES });
  assertOnly(answers, "longQueries", "200", "400", "426");
  assertOnly(answers, "uploads", "begun", "503");
  assertOnly(answers, "guesses", "401");
  assertOnly(answers, "twoHosts", "400");
  assertOnly(answers, "handshakes", "101");
});
