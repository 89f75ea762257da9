import type { Attacker } from "./attacker.ts";

const SOCKETS = 60;
const ADDRESSES = 6;
const MIB = 1024 * 1024;

/** Long uploads that are begun and not ended. */
export async function uploads(attacker: Attacker): Promise<void> {
  const length = Math.min(attacker.place.maxBodyBytes, 100 * MIB);
  const headers = { "Content-Type": "text/plain", "Content-Length": String(length) };
  const begun = `${attacker.request("/tasks/wordcount", headers, "POST")}a word`;
  await attacker.repeat(SOCKETS, async (line) => {
    const socket = await attacker.connect(line % ADDRESSES);
    attacker.count("begun");
    // Where it is let in no answer comes.
    await attacker.write(socket, begun);
    await attacker.wait(socket);
  });
}
