import { answerCalls } from "./call.ts";
import { dropAll, openAll } from "./client/crowd.ts";
import { type EchoTask, echo } from "./client/echo.ts";
import { type PaceTask, type PublishTask, pace, publish } from "./client/publish.ts";
import { type RequestTask, request } from "./client/requests.ts";
import type { RawSocket, Target } from "./client/socket.ts";

// The process of the client: it plays everybody, and answers each call when all is done.

/** Connections to open. */
export interface Opening {
  readonly targets: Target[];
  /** Whether each sends a message when it is ready. */
  readonly ready?: boolean;
}

let targets: Target[] = [];
let sockets: RawSocket[] = [];
let publisher: RawSocket | undefined;

let spinning = false;

function spin(): void {
  if (spinning) setImmediate(spin);
}

function first(): Target {
  return targets[0] as Target;
}

answerCalls({
  // Waking a core that sleeps costs a server on a virtual machine more than the write itself, and
  // more the slower the server is: its client would have slept.
  stayAwake(awake: boolean): void {
    spinning = awake;
    if (awake) spin();
  },

  async open(opening: Opening): Promise<void> {
    targets = opening.targets;
    sockets = await openAll(opening.targets, opening.ready);
  },

  async openPublisher(target: Target): Promise<void> {
    [publisher] = await openAll([target]);
  },

  async drop(): Promise<void> {
    await dropAll(sockets);
    sockets = [];
  },

  /** One of them stops reading for good. */
  stall(): void {
    sockets.pop()?.socket.pause();
  },

  echo: (task: EchoTask) => echo(sockets, first(), task),
  publish: (task: PublishTask) => publish(publisher as RawSocket, sockets, first(), task),
  pace: (task: PaceTask) => pace(publisher as RawSocket, sockets, first(), task),
  request: ({ target, ...task }: RequestTask & { target: Target }) => request(target, task),
});
