import type { Attacker } from "./attacker.ts";
import { HALL } from "./rooms.ts";

const SEATED = 60;
const SOCKETS = 10;

/** Joins and leaves of a large room, each of which all its members are told of. */
export async function comings(attacker: Attacker): Promise<void> {
  const sit = async (seat: number) => {
    await attacker.open(`/chat/${HALL}/seat-${seat}`, 1 + (seat % 2), "chat.v1");
  };
  await Promise.allSettled(Array.from({ length: SEATED }, (_, seat) => sit(seat)));
  await attacker.repeat(SOCKETS, async (line) => {
    const { socket } = await attacker.open(`/chat/${HALL}/comer-${line}`, 0, "chat.v1");
    socket.destroy();
  });
}
