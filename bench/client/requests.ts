import net from "node:net";
import type { Target } from "./socket.ts";

const END_OF_HEAD = "\r\n\r\n";

/** GET requests on connections that stay open, one at a time on each. */
export interface RequestTask {
  readonly requests: number;
  readonly connections: number;
}

/** Sends the requests and waits for all the answers. */
export async function request(target: Target, task: RequestTask): Promise<void> {
  const each = Math.ceil(task.requests / task.connections);
  await Promise.all(Array.from({ length: task.connections }, () => exchange(target, each)));
}

// All answers on a connection are as long as the first.
function exchange({ port, path }: Target, requests: number): Promise<void> {
  const request = Buffer.from(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: */*\r\n` +
      `User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept-Language: en-US,en;q=0.9${END_OF_HEAD}`,
  );
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    let left = requests;
    let length = 0;
    let read = 0;
    let first = "";
    socket.on("connect", () => socket.write(request));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the server closed the connection")));
    socket.on("data", (chunk) => {
      read += chunk.length;
      if (length === 0) {
        first += (chunk as Buffer).toString("latin1");
        length = lengthOf(first, reject);
      }
      if (length === 0 || read < length) return;
      read = 0;
      if (--left > 0) return socket.write(request);
      resolve();
      socket.destroy();
    });
  });
}

// 0 while the head is not complete.
function lengthOf(response: string, reject: (error: Error) => void): number {
  const end = response.indexOf(END_OF_HEAD);
  if (end < 0) return 0;
  const [, bytes] = /^content-length: (\d+)/im.exec(response) ?? [];
  if (!response.startsWith("HTTP/1.1 200 ") || bytes === undefined) {
    reject(new Error(`expected 200 with a Content-Length, but got ${response.slice(0, end)}`));
  }
  return end + END_OF_HEAD.length + Number(bytes);
}
