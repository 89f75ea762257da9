import { messageFrame, type RawSocket, type Target } from "./socket.ts";

/** Publications that reach the members of rooms. */
export interface PublishTask {
  readonly publications: number;
  /** Sent in one write, then waited for. */
  readonly inFlight: number;
  readonly bytes: number;
  /** How many are sent each one. */
  readonly members: number;
}

/** Publishes and waits until every member has got everything. */
export function publish(
  publisher: RawSocket,
  members: readonly RawSocket[],
  target: Target,
  task: PublishTask,
): Promise<void> {
  const frame = messageFrame(target.dialect, "x".repeat(task.bytes));
  const batch = Buffer.concat(Array.from({ length: task.inFlight }, () => frame));
  const perBatch = task.inFlight * task.members;
  return new Promise((resolve, reject) => {
    let left = Math.ceil(task.publications / task.inFlight);
    let missing = perBatch;
    const onMessages = (count: number) => {
      missing -= count;
      if (missing > 0) return;
      if (--left === 0) return resolve();
      missing = perBatch;
      publisher.socket.write(batch);
    };
    for (const member of members) member.onMessages = onMessages;
    publisher.socket.once("close", () => reject(new Error("the server closed the publisher")));
    publisher.socket.write(batch);
  });
}

/** Publications at a steady pace, and how long each takes to each member. */
export interface PaceTask {
  readonly publications: number;
  readonly everyMs: number;
  readonly bytes: number;
}

/**
 * Publishes at a steady pace.
 *
 * @returns the 99th percentile of the time from the write to the arrival, in milliseconds
 */
export async function pace(
  publisher: RawSocket,
  members: readonly RawSocket[],
  target: Target,
  task: PaceTask,
): Promise<number> {
  const frame = messageFrame(target.dialect, "x".repeat(task.bytes));
  const sentAt: number[] = [];
  const latencies: number[] = [];
  const arrivals = members.map((member) => {
    let arrived = 0;
    return new Promise<void>((resolve) => {
      member.onMessages = (count) => {
        const now = performance.now();
        for (let n = 0; n < count; n++) latencies.push(now - (sentAt[arrived++] as number));
        if (arrived === task.publications) resolve();
      };
    });
  });
  const timer = setInterval(() => {
    sentAt.push(performance.now());
    publisher.socket.write(frame);
    if (sentAt.length === task.publications) clearInterval(timer);
  }, task.everyMs);
  await Promise.all(arrivals);
  latencies.sort((a, b) => a - b);
  return latencies[Math.floor(latencies.length * 0.99)] as number;
}
