// The same as direct.test.ts through Debian's nginx with docs/nginx.conf, whose limits by address
// tell attackers from ordinary clients: each comes from an address of its own.

import { test } from "node:test";
import { generate } from "selfsigned";
import { startApp } from "../../support/app-process.ts";
import { startNginx } from "../../support/nginx.ts";
import { assertOnly, besiege, ENV } from "./siege.ts";

const HOST = "example.com";
/** What docs/nginx.conf lets in. */
const MAX_BODY_BYTES = 1024 * 1024;

test("all attacks at once through nginx cost a hundred clients no message and no connection", async (t) => {
  await using app = await startApp({
    env: { ...ENV, TRUST_PROXY: "loopback", ALLOWED_HOSTS: HOST },
  });
  const pem = await generate([{ name: "commonName", value: HOST }]);
  await using nginx = await startNginx(app.port, pem);
  const place = { port: nginx.ports.http, host: HOST, maxBodyBytes: MAX_BODY_BYTES };
  const answers = await besiege(t, app, place);
  assertOnly(answers, "longQueries", "200", "400", "426");
  assertOnly(answers, "uploads", "begun", "408", "503");
  assertOnly(answers, "guesses", "401");
  assertOnly(answers, "twoHosts", "400");
  assertOnly(answers, "handshakes", "101");
});
