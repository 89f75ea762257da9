import type { Closed } from "../close-codes.ts";
import type { Codec, Misfit } from "./codec.ts";
import { type LivenessLimits, type LivenessOptions, livenessLimits } from "./liveness.ts";

/** Which kinds of message a route takes; another kind closes 1003. */
export type MessageKind = "text" | "binary" | "both";

/** The limits of one connection. */
export interface ConnectionOptions extends LivenessOptions {
  /** What the handler reads: `text` (strings), `binary` (Buffers) or `both`. Default `text`. */
  messages?: MessageKind;
  /** Unread messages at which reading from the socket pauses. Default 64. */
  queueMessages?: number;
  /** Unsent bytes at which `await send()` waits. Default 64 KiB. */
  highWaterBytes?: number;
  /** Unsent bytes at which the client is cut off with 1013. Default 1 MiB. */
  maxBufferedBytes?: number;
  /**
   * Messages, pings and unasked pongs a second that a client may send in the long run; then 1008.
   * Default 100.
   */
  messagesPerSecond?: number;
  /** Messages, pings and unasked pongs that may come at once. Default 500. */
  burstMessages?: number;
  /**
   * Bytes a second that a client may send in the long run; then 1008. A text counts as many as JSON
   * takes to tell it to others: a control character counts six. A fragment counts at least 1,024,
   * and a read of a part of a frame at least 512. Default what `messagesPerSecond` of the longest
   * messages are, and at least 1 MiB and one of them: 6.25 MiB where nothing is set.
   */
  bytesPerSecond?: number;
  /**
   * Bytes, counted likewise, that may come at once. Default 6.4% of what `burstMessages` of the
   * longest messages are, and at least 2 MiB and eight of them: 2 MiB where neither is set.
   */
  burstBytes?: number;
  /** Reads and writes the messages of a route with schemas. */
  codec?: Codec;
  /** See `JsonRouteOptions.invalid`. */
  invalid?: (misfit: Misfit) => unknown;
}

const QUEUE_MESSAGES = 64;
const HIGH_WATER_BYTES = 64 * 1024;
/** Sixteen full buffers: a client this far behind will not catch up. */
const MAX_BUFFERED_BYTES = 16 * HIGH_WATER_BYTES;
const MESSAGES_PER_SECOND = 100;
const BURST_MESSAGES = 500;
const MAX_MESSAGE_BYTES = 64 * 1024;
/** Bytes a second and at once that a route takes, however few or short its messages may be. */
const LEAST_BYTES_PER_SECOND = 1024 * 1024;
/** What two readers' buffers hold: of a burst the network takes the first half. */
const BURST_BYTES = 2 * MAX_BUFFERED_BYTES;
/** Longest messages that may come at once: one grows sixfold in JSON, and one comes in fragments. */
const BURST_LONGEST = 8;

/** {@link ConnectionOptions} with their defaults: one object for all connections of a route. */
export interface ConnectionLimits {
  readonly messages: MessageKind;
  readonly queueMessages: number;
  readonly highWaterBytes: number;
  readonly maxBufferedBytes: number;
  readonly messagesPerSecond: number;
  readonly burstMessages: number;
  readonly bytesPerSecond: number;
  readonly burstBytes: number;
  readonly maxMessageBytes: number;
  readonly codec: Codec | undefined;
  readonly invalid: ((misfit: Misfit) => unknown) | undefined;
  readonly liveness: LivenessLimits;
}

/** Fills in the defaults. */
export function connectionLimits(
  options: ConnectionOptions & { maxMessageBytes?: number },
): ConnectionLimits {
  const messagesPerSecond = options.messagesPerSecond ?? MESSAGES_PER_SECOND;
  const burstMessages = options.burstMessages ?? BURST_MESSAGES;
  const maxMessageBytes = options.maxMessageBytes ?? MAX_MESSAGE_BYTES;
  return {
    messages: options.messages ?? "text",
    queueMessages: options.queueMessages ?? QUEUE_MESSAGES,
    highWaterBytes: options.highWaterBytes ?? HIGH_WATER_BYTES,
    maxBufferedBytes: options.maxBufferedBytes ?? MAX_BUFFERED_BYTES,
    messagesPerSecond,
    burstMessages,
    bytesPerSecond:
      options.bytesPerSecond ??
      Math.max(LEAST_BYTES_PER_SECOND, maxMessageBytes * Math.max(1, messagesPerSecond)),
    burstBytes: options.burstBytes ?? defaultBurst(burstMessages, maxMessageBytes),
    maxMessageBytes,
    codec: options.codec,
    invalid: options.invalid,
    liveness: livenessLimits(options),
  };
}

function defaultBurst(burstMessages: number, maxMessageBytes: number): number {
  const share = (burstMessages / BURST_MESSAGES) * (maxMessageBytes / MAX_MESSAGE_BYTES);
  return Math.max(BURST_BYTES, BURST_BYTES * share, BURST_LONGEST * maxMessageBytes);
}

/** Where a connection's handshake was accepted. */
export interface Place {
  /** The target of the handshake without the query, as it came. */
  readonly path: string;
  /** The whole prefix of the app that accepted it, without a final slash; "" at the root. */
  readonly mountPath: string;
  /** The client's address, or the one that a trusted proxy has forwarded it for; no port. */
  readonly address?: string;
  /** Told of a fault of the app's, for which the connection cannot go on; it ends it. */
  failed?(error: unknown): void;
  /** Told of a fault that is not the connection's: it goes on. */
  reported?(error: unknown): void;
  /** Told that the client is cut off for it cannot keep up, and by how many bytes it is behind. */
  cutOff?(bytes: number): void;
  /** Told of the end of the connection. */
  ended?(closed: Closed): void;
}
