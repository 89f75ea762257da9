import { once } from "node:events";
import { frame } from "../../support/wire.ts";
import type { Attacker } from "./attacker.ts";

const SOCKETS = 20;
const FILLERS = 3;
const MESSAGES = 333;
const TEXT = frame(1, "x".repeat(1_500));

/** Joins of a room with a long history, again and again: a short request for 1.6 MB. */
export async function histories(attacker: Attacker): Promise<void> {
  for (let filler = 0; filler < FILLERS; filler++) {
    const { socket } = await attacker.open(`/chat/library/filler-${filler}`, 1 + filler);
    for (let sent = 0; sent < MESSAGES; sent++) socket.write(TEXT);
  }
  await attacker.repeat(SOCKETS, async (line) => {
    const path = `/chat/library/reader-${line}`;
    const { socket, closed } = await attacker.open(path, 0, "chat.v1");
    // The first of it is enough to have it all sent.
    await Promise.race([once(socket, "data"), closed]);
    socket.destroy();
  });
}
