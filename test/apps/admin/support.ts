import { App } from "koa-subapps";
import type { TestClient } from "koa-subapps/testing";
import { HandshakeRefused } from "koa-subapps/testing";
import { createAdmin } from "../../../apps/admin/index.ts";

/** The secret of the app under test. */
export const TOKEN = "a token of sixteen and more";

/** The header that shows it. */
export const bearer = { Authorization: `Bearer ${TOKEN}` };

/** An app with the admin app at `/admin`. */
export function adminApp(): App {
  return new App().mount("/admin", createAdmin(TOKEN));
}

/** The status of an answer to plain HTTP. */
export async function statusOf(
  client: TestClient,
  path: string,
  init: RequestInit = {},
): Promise<number> {
  const response = await client.fetch(path, init);
  await response.body?.cancel();
  return response.status;
}

/** The status of the answer to a handshake: 101 when it was accepted. */
export async function handshakeStatus(
  client: TestClient,
  path: string,
  options: { headers?: Record<string, string>; protocols?: string[] } = {},
): Promise<number> {
  try {
    const socket = await client.connect(path, options);
    await socket.receive();
    await socket.close();
    return 101;
  } catch (error) {
    if (error instanceof HandshakeRefused) return error.status;
    throw error;
  }
}

/** Issues a ticket. */
export async function ticketOf(client: TestClient): Promise<string> {
  const response = await client.fetch("/admin/ticket", { method: "POST", headers: bearer });
  return ((await response.json()) as { ticket: string }).ticket;
}

/** Begins a session, and gives the header that shows it. */
export async function sessionOf(client: TestClient): Promise<{ Cookie: string }> {
  const response = await client.fetch("/admin/session", { method: "POST", headers: bearer });
  const cookies = response.headers.getSetCookie();
  return { Cookie: cookies.map((cookie) => cookie.split(";")[0]).join("; ") };
}
