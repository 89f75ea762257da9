import assert from "node:assert/strict";
import { isIP } from "node:net";
import { describe, test } from "node:test";
import fc from "fast-check";
import { clientBehind, compileTrust } from "../../../lib/http/client.ts";

const none = () => false;

describe("the client behind a chain of proxies", () => {
  test("is an address, however the proxy has written it", () => {
    for (const [entry, client] of [
      ["198.51.100.7", "198.51.100.7"],
      ["198.51.100.7:50001", "198.51.100.7"],
      ["198.51.100.7:", "198.51.100.7"],
      ["2001:db8::7", "2001:db8::7"],
      ["[2001:db8::7]", "2001:db8::7"],
      ["[2001:db8::7]:50001", "2001:db8::7"],
      ['"[2001:db8::7]:50001"', "2001:db8::7"],
      ["2001:db8:0:0:0:0:0:7:50001", "2001:db8:0:0:0:0:0:7"],
      ["fe80::7%eth0", "fe80::7"],
      ["[fe80::7%eth0]:1", "fe80::7"],
      ["::ffff:198.51.100.7", "::ffff:198.51.100.7"],
      ["[::ffff:198.51.100.7]:9", "::ffff:198.51.100.7"],
    ] as const) {
      assert.equal(clientBehind(entry, "192.0.2.1", none), client, entry);
      assert.equal(clientBehind(`203.0.113.9,${entry} `, "192.0.2.1", none), client, entry);
    }
  });

  test("is the proxy that named no address, whatever stands before", () => {
    for (const entry of [
      ...["unknown", "unknown:50001", "_hidden", "garbage", "unix:", "198.51.100", "127.1"],
      ...["198.51.100.7:50001:1", "[198.51.100.7", "[]", "[]:1", "0x7f.0.0.1", "\u001b[31m"],
      ...["198.51.100.7 203.0.113.1", `198.51.100.7:${"0".repeat(200)}`, "x".repeat(10_000)],
    ]) {
      assert.equal(clientBehind(`203.0.113.9, ${entry}`, "192.0.2.1", none), "192.0.2.1", entry);
    }
  });

  test("is behind a trusted hop that is written with its port", () => {
    const { address } = compileTrust(["192.0.2.0/24", "2001:db8::/32"]);
    for (const [chain, client] of [
      ["203.0.113.7, 192.0.2.9:50001", "203.0.113.7"],
      ["203.0.113.7:1, [2001:db8::9]:50001, 192.0.2.9:2", "203.0.113.7"],
      ["203.0.113.6, 203.0.113.7:80, 192.0.2.9", "203.0.113.7"],
      ["203.0.113.7, , 192.0.2.9,", "203.0.113.7"],
      ["203.0.113.7, unknown, 192.0.2.9:1", "192.0.2.9"],
      [",", "192.0.2.1"],
      ["", "192.0.2.1"],
    ] as const) {
      assert.equal(clientBehind(chain, "192.0.2.1", address), client, chain);
    }
  });

  test("is always an address or nothing, so that a log may have it", () => {
    const piece = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.string({ maxLength: 40 }),
      fc.constantFrom(":", "[", "]", '"', "%", ",", " ", ":443", "unknown"),
    );
    const header = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(header, fc.boolean(), (text, trusted) => {
        const client = clientBehind(text, "", () => trusted);
        assert.ok(client === "" || (isIP(client) > 0 && client.length <= 45), client);
      }),
    );
  });
});
