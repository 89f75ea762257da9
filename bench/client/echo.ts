import { messageFrame, type RawSocket, type Target } from "./socket.ts";

/** An exchange in which every message comes back. */
export interface EchoTask {
  /** In all connections together. */
  readonly messages: number;
  /** Sent in one write, then waited for, on each connection. */
  readonly inFlight: number;
  readonly bytes: number;
}

/**
 * Sends and waits until all have come back. A connection sends its next batch when the last one
 * is complete: how many messages a server finds in one read does not depend on how busy the
 * client's core is.
 */
export async function echo(sockets: RawSocket[], target: Target, task: EchoTask): Promise<void> {
  const frame = messageFrame(target.dialect, "x".repeat(task.bytes));
  const batch = Buffer.concat(Array.from({ length: task.inFlight }, () => frame));
  const batches = Math.ceil(task.messages / task.inFlight / sockets.length);
  await Promise.all(sockets.map((socket) => exchange(socket, batch, task.inFlight, batches)));
}

function exchange(
  socket: RawSocket,
  batch: Buffer,
  inFlight: number,
  batches: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = batches;
    let missing = inFlight;
    socket.socket.once("close", () => reject(new Error("the server closed the connection")));
    socket.onMessages = (count) => {
      missing -= count;
      if (missing > 0) return;
      if (--left === 0) return resolve();
      missing = inFlight;
      socket.socket.write(batch);
    };
    socket.socket.write(batch);
  });
}
