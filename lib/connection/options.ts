import type { Closed } from "../close-codes.ts";
import type { Codec, Misfit } from "./codec.ts";
import { type LivenessLimits, type LivenessOptions, livenessLimits } from "./liveness.ts";

/** Which kinds of message a route takes. Another kind closes the connection with 1003. */
export type MessageKind = "text" | "binary" | "both";

/** The limits of one connection. */
export interface ConnectionOptions extends LivenessOptions {
  /** What the handler reads: `text` (strings), `binary` (Buffers) or `both`. Default `text`. */
  messages?: MessageKind;
  /** Unread messages at which reading from the socket pauses. Default 64. */
  queueMessages?: number;
  /** Unsent bytes at which `await send()` waits. Default 64 KiB. */
  highWaterBytes?: number;
  /** Unsent bytes at which the server cuts the client off with 1013. Default 1 MiB. */
  maxBufferedBytes?: number;
  /**
   * Messages, pings and unsolicited pongs a second that a client may send in the long run; above
   * that the server closes with 1008. Default 100.
   */
  messagesPerSecond?: number;
  /** Messages, pings and unsolicited pongs that may come at once. Default 500. */
  burstMessages?: number;
  /**
   * Bytes a second that a client may send in the long run; above that the server closes with 1008.
   * A text counts as long as it is in JSON: a control character counts six. A fragment counts at
   * least 1,024, and a read that brings a part of a frame at least 512. Default `messagesPerSecond`
   * × `maxMessageBytes`, and at least 1 MiB and one longest message: 6.25 MiB where nothing is set.
   */
  bytesPerSecond?: number;
  /**
   * Bytes, counted likewise, that may come at once. Default 6.4% of `burstMessages` ×
   * `maxMessageBytes`, and at least 2 MiB and eight longest messages: 2 MiB where neither is set.
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
/** The least default of `bytesPerSecond`, however few or short a route's messages may be. */
const LEAST_BYTES_PER_SECOND = 1024 * 1024;
/** Two full buffers of other clients: the network takes the first half of a burst. */
const BURST_BYTES = 2 * MAX_BUFFERED_BYTES;
/** Room for eight longest messages: one may grow sixfold in JSON, and one may come in fragments. */
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
  /** The target of the handshake without the query, not decoded. */
  readonly path: string;
  /**
   * The whole prefix of the app that accepted the handshake, without a final slash; "" at the root.
   */
  readonly mountPath: string;
  /**
   * The client's address, as a trusted proxy has forwarded it or else as the socket has it; no
   * port.
   */
  readonly address?: string;
  /** Is called with an error of the app that ends the connection, and ends it. */
  failed?(error: unknown): void;
  /** Is called with an error that does not end the connection. */
  reported?(error: unknown): void;
  /** Is called when the server cuts a slow client off, with the bytes that the client is behind. */
  cutOff?(bytes: number): void;
  /** Is called when the connection has ended. */
  ended?(closed: Closed): void;
}
