import { CloseError } from "../../close-codes.ts";

/**
 * Redis cannot be reached, or has not answered in time. A publication that fails with it may or may
 * not be published; the same call with the same key publishes once. A handler that throws it closes
 * its connection with 1013, and the client comes back later.
 */
export class Unavailable extends CloseError {
  /** @param cause the reason, which the client does not see */
  constructor(cause?: unknown) {
    super(1013, "the service is not available at the moment; try again later");
    this.cause = cause;
  }
}

/** Throws an {@link Unavailable} for the failure of a connection. */
export function unavailable(cause: unknown): never {
  throw new Unavailable(cause);
}
