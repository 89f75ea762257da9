// Requests as bytes, for targets that a well-behaved client cleans up before it sends them.

import net from "node:net";

/** What came back. */
export interface RawResponse {
  readonly status: number;
  readonly headers: Headers;
  /** The body as text; "" for a 101, whose socket is closed at once. */
  readonly body: string;
}

/** What to send besides the target. */
export interface RawOptions {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

const DEADLINE_MS = 10_000;

/**
 * The text of a plain request, one that asks for the connection to be closed.
 *
 * @param target the request target exactly as it goes over the wire
 */
export function requestText(target: string, options: RawOptions = {}): string {
  const { method = "GET", body = "" } = options;
  const length = body === "" ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
  const headers = { Host: "localhost", Connection: "close", ...length, ...options.headers };
  return text(method, target, headers) + body;
}

/**
 * The text of a WebSocket handshake.
 *
 * @param target the request target exactly as it goes over the wire
 */
export function handshakeText(target: string, options: RawOptions = {}): string {
  return text(options.method ?? "GET", target, {
    Host: "localhost",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...options.headers,
  });
}

/**
 * Sends text to a port of this machine and reads the one response to it.
 *
 * @throws Error when there is no whole response within ten seconds
 */
export function rawRequest(port: number, request: string): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.write(request));
    let received = "";
    const line = request.slice(0, request.indexOf("\r\n"));
    const deadline = setTimeout(() => {
      fail(new Error(`expected a response to ${line}, but got ${JSON.stringify(received)}`));
    }, DEADLINE_MS);
    const fail = (error: Error) => {
      clearTimeout(deadline);
      socket.destroy();
      reject(error);
    };
    const settle = () => {
      const response = parse(received);
      if (!response) return fail(new Error(`expected a response to ${line}, but got ${received}`));
      clearTimeout(deadline);
      socket.destroy();
      resolve(response);
    };
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      received += chunk;
      if (received.startsWith("HTTP/1.1 101 ") && received.includes("\r\n\r\n")) settle();
    });
    socket.on("end", settle);
    socket.on("error", fail);
  });
}

function text(method: string, target: string, headers: Record<string, string>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

function parse(received: string): RawResponse | undefined {
  const end = received.indexOf("\r\n\r\n");
  const [statusLine = "", ...lines] = received.slice(0, end).split("\r\n");
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1];
  if (end === -1 || !status) return undefined;
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { status: Number(status), headers, body: status === "101" ? "" : received.slice(end + 4) };
}
