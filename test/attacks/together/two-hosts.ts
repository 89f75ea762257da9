import type { Attacker } from "./attacker.ts";

const SOCKETS = 4;

/** Requests and handshakes with two hosts, of which one is the server's. */
export async function twoHosts(attacker: Attacker): Promise<void> {
  const upgrade = { Connection: "Upgrade", Upgrade: "websocket" };
  await attacker.repeat(SOCKETS, async (line) => {
    for (const headers of [{}, upgrade]) {
      const text = attacker.request("/ws/", { host: "evil.example", ...headers });
      await attacker.ask(text, line);
    }
  });
}
