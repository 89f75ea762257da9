// What a path answers to a request and to a handshake whose target goes out as it is written.

import assert from "node:assert/strict";
import type { TestClient } from "koa-subapps/testing";
import { handshakeText, type RawOptions, rawRequest, requestText } from "./raw.ts";

const portOf = (client: TestClient) => Number(new URL(client.url).port);

/** Sends a request and reads the answer. */
export const http = (client: TestClient, target: string, options?: RawOptions) =>
  rawRequest(portOf(client), requestText(target, options));

/** Sends a handshake and reads the answer. */
export const handshake = (client: TestClient, target: string, options?: RawOptions) =>
  rawRequest(portOf(client), handshakeText(target, options));

/** Asserts that nothing is there: 404 for HTTP, 403 with a one-line reason for a handshake. */
export async function assertNothingAt(client: TestClient, target: string): Promise<void> {
  const page = await http(client, target);
  assert.equal(page.status, 404, `GET ${target}`);
  assert.equal(page.headers.get("location"), null, `GET ${target}`);
  const refused = await handshake(client, target);
  assert.equal(refused.status, 403, `handshake of ${target}`);
  assert.equal(refused.headers.get("connection"), "close", `handshake of ${target}`);
  assert.match(refused.body, /^[^\n]+$/, `handshake of ${target}`);
}

/** Asserts that HTTP is redirected and a handshake is told where to go. */
export async function assertMovedTo(
  client: TestClient,
  target: string,
  location: string,
): Promise<void> {
  const page = await http(client, target);
  assert.equal(page.status, 307, `GET ${target}`);
  assert.equal(page.headers.get("location"), location, `GET ${target}`);
  const refused = await handshake(client, target);
  assert.equal(refused.status, 403, `handshake of ${target}`);
  assert.equal(refused.headers.get("location"), null, `handshake of ${target}`);
  assert.match(refused.body, /^[^\n]+$/, `handshake of ${target}`);
  assert.ok(refused.body.includes(location), `expected ${location} in: ${refused.body}`);
}
