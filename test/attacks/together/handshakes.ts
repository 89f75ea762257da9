import type { Attacker } from "./attacker.ts";

const SOCKETS = 20;

/** Handshakes without a pause, each on a connection of its own. */
export async function handshakes(attacker: Attacker): Promise<void> {
  await attacker.repeat(SOCKETS, async () => {
    const { socket } = await attacker.open("/ws/");
    socket.destroy();
  });
}
