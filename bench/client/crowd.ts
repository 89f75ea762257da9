import { RawSocket, type Target } from "./socket.ts";

/** How many handshakes are on their way at once: below any server's backlog. */
const AT_ONCE = 64;

/**
 * Opens connections, some at once.
 *
 * @param targets one for each connection
 * @param ready whether each is waited for until it has sent a message
 */
export async function openAll(targets: readonly Target[], ready = false): Promise<RawSocket[]> {
  const sockets: RawSocket[] = [];
  let next = 0;
  const open = async () => {
    while (next < targets.length) {
      const at = next++;
      const socket = new RawSocket(targets[at] as Target);
      sockets[at] = socket;
      const first = ready ? socket.message() : undefined;
      await socket.opened;
      await first;
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, targets.length) }, open));
  return sockets;
}

/** Ends connections without a word and waits until that has happened. */
export async function dropAll(sockets: readonly RawSocket[]): Promise<void> {
  const closes = sockets.map(
    ({ socket }) => new Promise((resolve) => socket.once("close", resolve)),
  );
  for (const { socket } of sockets) socket.destroy();
  await Promise.all(closes);
}
