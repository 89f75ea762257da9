import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ConfigError, DEFAULT_CONFIG, readConfig } from "../../../lib/server/config.ts";

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

  test("reads hosts, origins and proxies of every kind", () => {
    const { allowedHosts, allowedOrigins, trustProxy } = readConfig({
      ALLOWED_HOSTS: "Chat.example, 2001:db8::1, [2001:DB8::2],[2001:db8::3]:8443",
      ALLOWED_ORIGINS: "https://a.example, capacitor://localhost,chrome-extension://abc",
      TRUST_PROXY: "unix, loopback,2001:db8::/32",
    });
    assert.deepEqual(allowedHosts, [
      "chat.example",
      "[2001:db8::1]",
      "[2001:db8::2]",
      "[2001:db8::3]:8443",
    ]);
    assert.deepEqual(allowedOrigins, [
      "https://a.example",
      "capacitor://localhost",
      "chrome-extension://abc",
    ]);
    assert.deepEqual(trustProxy, ["unix", "loopback", "2001:db8::/32"]);
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
    ["ALLOWED_HOSTS", ".example.com"],
    ["ALLOWED_HOSTS", "*.example.com"],
    ["ALLOWED_HOSTS", "a.example,"],
    ["ALLOWED_HOSTS", "[2001:db8::1"],
    ["ALLOWED_ORIGINS", "null"],
    ["ALLOWED_ORIGINS", "capacitor://localhost/"],
    ["TRUST_PROXY", "unix:/run/x"],
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
