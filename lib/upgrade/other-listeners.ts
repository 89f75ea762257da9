import type { Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import type { Handshake } from "./handshake.ts";

/**
 * How long another listener may take to accept a handshake that our app refuses, in milliseconds.
 * Socket.IO's `allowRequest`, for example, may ask a database. Socket.IO itself ends an unanswered
 * socket after a second; this is half of that.
 */
const OTHERS_MS = 500;

/** Handshakes that another listener may take, and the head that the listener was given. */
const shared = new WeakMap<Handshake, Buffer>();

/** Whether another library, such as Vite or Socket.IO, also listens for upgrades of a server. */
export function hasOthers(server: HttpServer | HttpsServer): boolean {
  return server.listenerCount("upgrade") > 1;
}

/** Calls `goOn` after the other listeners of an `upgrade` event, unless a listener has answered. */
export function afterOthers(socket: Socket, goOn: () => void): void {
  const written = socket.bytesWritten;
  process.nextTick(() => {
    if (!socket.destroyed && socket.bytesWritten === written) goOn();
  });
}

/**
 * Notes that another listener may still take a handshake.
 *
 * @param head the bytes behind the request, which the other listener was given too
 */
export function share(handshake: Handshake, head: Buffer): void {
  shared.set(handshake, head);
}

/**
 * Answers a handshake as plain HTTP. When another listener may still take the handshake, the answer
 * waits until that listener has had its time.
 *
 * @param answer writes the answer
 * @param onTaken called instead of `answer` when another listener has taken the socket
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
 * Waits until the other listeners have had their time.
 *
 * @param head the bytes that were put back on the socket. They are taken off again, because the
 *   other listener was given them too and would read them twice
 * @returns whether the socket is still open and no other listener has written to it
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
    // Never removed: an error without a listener would end the process.
    socket.on("error", () => socket.destroy());
  });
}
