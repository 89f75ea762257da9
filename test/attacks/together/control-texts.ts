import { once } from "node:events";
import { frame } from "../../support/wire.ts";
import type { Attacker } from "./attacker.ts";
import { V1_ROOMS } from "./rooms.ts";

/** Characters: each is one byte as it comes, and six in JSON as it goes out. */
const LENGTH = 10_000;
/** More than a sender's share takes at once, and more than a connection's burst. */
const TEXTS = [10, 60];

/**
 * Texts of U+0001 to rooms in which others talk, one sender in each: some send what their share
 * takes and come again at once, some send until they are cut off. In plain text they come as they
 * are; those who speak `chat.v1` read them in JSON.
 */
export async function controlTexts(attacker: Attacker): Promise<void> {
  const text = frame(1, "\u0001".repeat(LENGTH));
  await attacker.repeat(V1_ROOMS.length, async (line) => {
    const path = `/chat/${V1_ROOMS[line]}/evil-${line}`;
    const { socket, closed } = await attacker.open(path, line);
    const count = TEXTS[line % TEXTS.length] ?? 0;
    for (let sent = 0; sent < count; sent++) socket.write(text);
    attacker.count("bursts");
    if (line % TEXTS.length === 0) await Promise.race([once(socket, "data"), closed]);
    else await closed;
    socket.destroy();
  });
}
