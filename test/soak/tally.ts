/** What the clients of a soak have counted. It goes from process to process as JSON. */
export class Tally {
  /** WebSockets that were opened. */
  connections = 0;
  /** Handshakes that were refused, with the status that was expected. */
  refusals = 0;
  /** Connections that the clients ended: aborts, resets, half-closes and closes. */
  clientEnds = 0;
  /** Closes that an attack was meant to bring about, with the code that was expected. */
  provokedCloses = 0;
  /** Slow readers that were cut off. */
  cutOff = 0;
  /** Plain HTTP requests that were answered 200. */
  requests = 0;
  /** Messages that were sent and may have arrived. */
  sent = 0;
  received = 0;
  /** Messages that the server said were published. */
  acknowledged = 0;
  /** Times that a member came back and got all it had missed. */
  recoveries = 0;
  /** Times that a member was told that what it had missed is gone. */
  unrecovered = 0;
  losses = 0;
  duplicates = 0;
  reorderings = 0;
  /** What came that should not have come, by what it was. */
  unexpected: Record<string, number> = {};

  /** Counts something that should not have happened. */
  surprise(what: string): void {
    this.unexpected[what] = (this.unexpected[what] ?? 0) + 1;
  }

  /** How many surprises there were. */
  get surprises(): number {
    return Object.values(this.unexpected).reduce((sum, count) => sum + count, 0);
  }
}
