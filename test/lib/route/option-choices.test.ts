import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import http from "node:http";
import { describe, test } from "node:test";
import { App, attach, Hub, serve } from "koa-subapps";

type Rows = readonly (readonly [
  option: string,
  taken: readonly unknown[],
  refused: readonly unknown[],
  expected: string,
])[];

const NO_FLAGS = ["false", "yes", 1, null];
const NO_LISTS = ["one", [1], {}, null];
const LIST = "a list of texts";

/** Makes something with options, and throws at once or rejects. */
type Make = (options: never) => unknown;

function assertChoices(what: string, make: Make, rows: Rows): void {
  for (const [option, taken, refused, expected] of rows) {
    test(`${option} is taken as ${expected}, and refused otherwise`, async () => {
      for (const value of taken) await make({ [option]: value } as never);
      for (const value of refused) {
        await assert.rejects(async () => make({ [option]: value } as never), {
          name: "TypeError",
          message: `expected the option ${option} of ${what} to be ${expected}, but got ${JSON.stringify(value)}`,
        });
      }
    });
  }
}

describe("of a route", () => {
  const make: Make = (options) => new App().websocket("/", options, () => {});
  assertChoices("the WebSocket route /", make, [
    [
      "messages",
      ["text", "binary", "both", undefined],
      ["tekst", "Text", "", null, ["text"]],
      'one of "text", "binary", "both"',
    ],
    [
      "protocols",
      [["chat.v1", "chat.v2"], [], undefined],
      ["chat.v1", ["chat v1"], [""], ["a,b"], [1], {}, null],
      'a list of subprotocols, such as ["chat.v1"]',
    ],
    [
      "compression",
      [true, false, { threshold: 1024 }, undefined],
      ["yes", "false", 1, [], null],
      "true or false, or an object with the options of ws for permessage-deflate",
    ],
  ]);
});

describe("of an app", () => {
  const make: Make = (options) => new App(options);
  assertChoices("an App", make, [
    ["proxy", [true, false, undefined], NO_FLAGS, "true or false"],
    ["allowedOrigins", [["https://a.example"], [], undefined], NO_LISTS, LIST],
    [
      "asyncLocalStorage",
      [true, false, new AsyncLocalStorage(), undefined],
      ["yes", 1, {}, null],
      "true or false, or an AsyncLocalStorage",
    ],
  ]);
});

describe("of attach and serve", () => {
  const lists: Rows = [
    ["allowedHosts", [["a.example"], []], NO_LISTS, LIST],
    ["allowedOrigins", [["https://a.example"], []], NO_LISTS, LIST],
    ["trustProxy", [["loopback"], []], NO_LISTS, LIST],
  ];
  assertChoices("attach", (options) => attach(http.createServer(), new App(), options), lists);
  const make: Make = async (options: object) => {
    const serving = await serve(new App(), { logLevel: "silent", port: 0, ...options });
    await serving.close();
  };
  const levels = '"debug", "info", "warn", "error", "silent"';
  assertChoices("serve", make, [
    ...lists,
    ["logLevel", ["silent"], ["trace", "", null, 30], `one of ${levels}`],
  ]);
});

describe("of a hub", () => {
  assertChoices("a Hub", (options) => new Hub(options), [
    [
      "slow",
      ["disconnect", "drop-oldest", "latest", () => "latest", undefined],
      ["drop", "", null, true],
      'one of "disconnect", "drop-oldest", "latest", or a function that gives one for a topic',
    ],
  ]);
});
