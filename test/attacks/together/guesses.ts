import { randomBytes } from "node:crypto";
import type { Attacker } from "./attacker.ts";

const SOCKETS = 4;

/** Guesses of the operator's token, of sessions and of tickets. */
export async function guesses(attacker: Attacker): Promise<void> {
  await attacker.repeat(SOCKETS, async (line) => {
    const guess = randomBytes(16).toString("base64url");
    await attacker.ask(attacker.request("/admin/", { Authorization: `Bearer ${guess}` }), line);
    await attacker.ask(attacker.request("/admin/", { Cookie: `admin=${guess}` }), line);
    await attacker.ask(attacker.request(`/admin/?ticket=${guess}`), line);
  });
}
