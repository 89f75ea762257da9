import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ConfigError, DEFAULT_CONFIG, readConfig } from "../../lib/config.ts";

describe("readConfig", () => {
  test("takes the defaults where the environment says nothing", () => {
    assert.deepEqual(readConfig({}), DEFAULT_CONFIG);
    assert.deepEqual(readConfig({ HOST: "", PORT: "" }), DEFAULT_CONFIG);
  });

  test("reads every variable", () => {
    const env = { HOST: "::1", PORT: "0", GRACE_SECONDS: "2.5", LOG_LEVEL: "debug" };
    assert.deepEqual(readConfig(env), {
      ...DEFAULT_CONFIG,
      host: "::1",
      port: 0,
      graceSeconds: 2.5,
      logLevel: "debug",
    });
  });

  const bad: [string, string][] = [
    ["PORT", "80a"],
    ["PORT", "-1"],
    ["PORT", "65536"],
    ["PORT", "1e3"],
    ["PORT", " 80"],
    ["HOST", "a b"],
    ["HOST", "http://x"],
    ["GRACE_SECONDS", "soon"],
    ["GRACE_SECONDS", "3601"],
    ["LOG_LEVEL", "loud"],
  ];
  for (const [name, value] of bad) {
    test(`refuses ${name}=${JSON.stringify(value)} in one line that names it`, () => {
      assert.throws(
        () => readConfig({ [name]: value }),
        (error: Error) => {
          assert.ok(error instanceof ConfigError);
          assert.match(error.message, new RegExp(`^${name}: expected [^\\n]+, but got `));
          assert.ok(error.message.endsWith(JSON.stringify(value)));
          return true;
        },
      );
    });
  }
});
