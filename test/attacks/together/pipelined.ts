import type { Attacker } from "./attacker.ts";

const SOCKETS = 50;
const REQUESTS = 1_000;

/** A thousand requests at once on each connection, whose answers nobody reads. */
export async function pipelined(attacker: Attacker): Promise<void> {
  const requests = attacker.request("/style.css").repeat(REQUESTS);
  await attacker.repeat(SOCKETS, async (line) => {
    const socket = await attacker.connect(line % 2);
    attacker.count("connected");
    socket.pause();
    socket.write(requests);
    await attacker.wait(socket);
  });
}
