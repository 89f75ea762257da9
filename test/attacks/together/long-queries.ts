import type { Attacker } from "./attacker.ts";

const SOCKETS = 10;
/** Parameters: as many as are let in, and as many as a proxy's 8 KiB for the request line hold. */
const COUNTS = [1_000, 3_500];
const UPGRADE = { Connection: "Upgrade", Upgrade: "websocket" };

/** Queries of very many parameters, over HTTP and in handshakes. */
export async function longQueries(attacker: Attacker): Promise<void> {
  await attacker.repeat(SOCKETS, async (line) => {
    const headers = line % 3 === 0 ? UPGRADE : {};
    const socket = await attacker.connect(line % 2);
    let isKept = true;
    for (let turn = 0; isKept && !attacker.ending; turn++) {
      const query = "a&".repeat(COUNTS[turn % COUNTS.length] ?? 0);
      isKept = await attacker.write(socket, attacker.request(`/tasks/?${query}`, headers));
    }
    socket.destroy();
  });
}
