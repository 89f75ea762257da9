import type { Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import type { Handshake } from "./handshake.ts";

/**
 * How long another listener may take to decide, before a handshake is refused that nobody here
 * accepts: Socket.IO's `allowRequest` may ask a database. Half of the second after which Socket.IO
 * ends a socket that nobody has answered.
 */
const OTHERS_MS = 500;

/** Handshakes that another listener may take, and what it was given of their stream. */
const shared = new WeakMap<Handshake, Buffer>();

/** Whether another library, such as Vite or Socket.IO, listens for upgrades of a server too. */
export function hasOthers(server: HttpServer | HttpsServer): boolean {
  return server.listenerCount("upgrade") > 1;
}

/** Goes on once the other listeners of an `upgrade` event have run, unless one has answered. */
export function afterOthers(socket: Socket, goOn: () => void): void {
  const written = socket.bytesWritten;
  process.nextTick(() => {
    if (!socket.destroyed && socket.bytesWritten === written) goOn();
  });
}

/**
 * Notes that another listener may take a handshake still.
 *
 * @param head what came behind the request; the other listener was given it too
 */
export function share(handshake: Handshake, head: Buffer): void {
  shared.set(handshake, head);
}

/**
 * Answers a handshake as plain HTTP, at once, or where another listener may take it still, when
 * that has had its time and has not.
 *
 * @param answer writes the answer
 * @param onTaken called in its place when another listener has taken the socket
 */
export function answerIfOurs(
  handshake: Handshake,
  answer: () => Promise<void> | void,
  onTaken?: () => void,
): Promise<void> | void {
  const head = shared.get(handshake);
  return head === undefined ? answer() : answerLater(handshake, head, answer, onTaken);
}

async function answerLater(
  handshake: Handshake,
  head: Buffer,
  answer: () => Promise<void> | void,
  onTaken?: () => void,
): Promise<void> {
  handshake.wait();
  const isOurs = await isLeft(handshake.socket, head);
  if (isOurs && handshake.state === "pending") return answer();
  if (handshake.leaveIfTaken()) onTaken?.();
}

/**
 * Resolves to whether no other listener has answered on a socket when it has had its time.
 *
 * @param head what was put back on the socket: the other listener was given it too, and would
 *   read it twice
 */
export function isLeft(socket: Socket, head?: Buffer): Promise<boolean> {
  if (head?.length) socket.read(head.length);
  const written = socket.bytesWritten;
  return new Promise((resolve) => {
    const decide = () => {
      clearTimeout(timer);
      socket.off("close", decide);
      resolve(!socket.destroyed && socket.bytesWritten === written);
    };
    const timer = setTimeout(decide, OTHERS_MS);
    socket.on("close", decide);
    // For good: an error that nobody listens for ends the process.
    socket.on("error", () => socket.destroy());
  });
}
