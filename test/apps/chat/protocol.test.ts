// PROTOCOL.md and the schemas that check the messages are one source: this reads the one and
// holds it against the other.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { z } from "zod";
import * as protocol from "../../../apps/chat/protocol.ts";
import { closeCodes } from "../../../lib/close-codes.ts";

const markdown = readFileSync(new URL("../../../apps/chat/PROTOCOL.md", import.meta.url), "utf8");

const messages = {
  say: ["Client → server.", protocol.say],
  ping: ["Client → server.", protocol.ping],
  pong: ["Server → client.", protocol.pong],
  welcome: ["Server → client.", protocol.welcome],
  message: ["Server → client.", protocol.message],
  ack: ["Server → client.", protocol.ack],
  joined: ["Server → client.", protocol.joined],
  left: ["Server → client.", protocol.left],
  presence: ["Server → client.", protocol.presence],
  error: ["Server → client.", protocol.error],
} as const;

/** The part of the document below a heading, down to the next one of any level. */
function section(heading: string): string {
  const [, after] = markdown.split(`\n${heading}\n`);
  assert.ok(after, `expected the heading ${heading}`);
  return after.split(/\n#+ /)[0] ?? "";
}

/** The blocks of code with a label. */
function blocks(text: string, label: string): string[] {
  const fence = new RegExp(`^\`\`\`${label}\\n([\\s\\S]*?)\\n\`\`\`$`, "gm");
  return [...text.matchAll(fence)].map(([, code]) => code ?? "");
}

/** A schema as the document shows it; a date's long pattern says no more than its format. */
function jsonSchema(schema: z.ZodType): unknown {
  const { $schema, ...rest } = z.toJSONSchema(schema, {
    io: "input",
    override: ({ jsonSchema }) => {
      if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
    },
  });
  assert.equal($schema, "https://json-schema.org/draft/2020-12/schema");
  return rest;
}

describe("PROTOCOL.md", () => {
  for (const [type, [direction, schema]] of Object.entries(messages)) {
    test(`has direction, example and schema of ${type}, and they are the code's`, () => {
      const text = section(`### ${type}`);
      assert.ok(text.trim().startsWith(direction), text.trim().slice(0, 40));
      const [example = "", ...more] = blocks(text, "json");
      assert.deepEqual(more, []);
      const value = JSON.parse(example);
      assert.equal(value.type, type);
      assert.deepEqual(schema.parse(value), value, "it has no fields beside the schema's");
      const shown = blocks(text, "json schema").map((block) => JSON.parse(block));
      assert.deepEqual(shown, [jsonSchema(schema)]);
    });
  }

  test("has every message that there is, and no other", () => {
    const all = [...protocol.fromClient.options, ...protocol.fromServer.options];
    const types: string[] = all.map(({ shape }) => shape.type.value);
    assert.deepEqual(types.sort(), Object.keys(messages).sort());
    const headings = [...markdown.matchAll(/^### (.*)$/gm)].map(([, heading]) => heading ?? "");
    assert.deepEqual(headings.sort(), types);
  });

  test("has every code of an error, and no other", () => {
    const rows = [...section("### error").matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code);
    assert.deepEqual(rows.sort(), [...protocol.error.shape.code.options].sort());
  });

  test("shows a visit of messages that fit", () => {
    const [visit = ""] = blocks(section("## chat.v1"), "text");
    const lines = visit.split("\n");
    assert.ok(lines.length >= 4);
    for (const line of lines) {
      const schema = line.startsWith("> ") ? protocol.fromClient : protocol.fromServer;
      const value = JSON.parse(line.slice(2));
      assert.deepEqual(schema.parse(value), value);
    }
  });

  test("says of each close code what the framework's table says", () => {
    const rows = [...section("## Close codes").matchAll(/^\| (\d{4}) \|.*\| (yes|no) \|$/gm)];
    assert.ok(rows.length >= 7);
    for (const [, code, comeBack] of rows) {
      assert.equal(comeBack === "yes", closeCodes[Number(code)]?.comeBack, code);
    }
  });
});
