import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { createAdmin } from "../../../apps/admin/index.ts";
import { handshakeStatus, statusOf } from "./support.ts";

const UNFIT = {
  "a letter beyond ASCII": "sixteen-letters-ä",
  "a sign of another plane": "sixteen-letters-😀",
  "a line break": "sixteen-letters\nand more",
  "a carriage return": "sixteen-letters\rand more",
  "a zero byte": "sixteen-letters\0and more",
  "a delete": "sixteen-letters\x7fand more",
  "a space before it": " sixteen letters and more",
  "a space behind it": "sixteen letters and more ",
  "more than a header holds": "x".repeat(20_000),
};

for (const [name, token] of Object.entries(UNFIT)) {
  test(`a token with ${name} is refused at the start, and not repeated`, async () => {
    await assert.rejects(TestClient.start(createAdmin(token)), (error: Error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, /^ADMIN_TOKEN: expected /);
      assert.ok(!error.message.includes("sixteen"));
      return true;
    });
  });
}

for (const token of [
  "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
  "a  b\tc d e f g h i",
  "y".repeat(4_096),
]) {
  test(`a token such as ${token.slice(0, 33)} is shown as it is`, async () => {
    await using client = await TestClient.start(createAdmin(token));
    const headers = { Authorization: `Bearer ${token}` };
    assert.equal(await statusOf(client, "/", { headers }), 200);
    assert.equal(await handshakeStatus(client, "/", { headers }), 101);
  });
}
