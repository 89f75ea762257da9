import { DEBTS, type Debts, type Entry, Subscription } from "../../lib/connection/debts.ts";

/** One that a fan-out brings messages to: it notes them. */
export class Listener extends Subscription {
  readonly got: number[] = [];

  constructor(had: Entry, connection: { [DEBTS]: Debts | undefined } = { [DEBTS]: undefined }) {
    super(connection, had);
  }
}
