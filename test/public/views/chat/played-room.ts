import type { Page, WebSocketRoute } from "playwright-core";
import { isMember, type OpenWindow, type WindowOptions } from "../../windows.ts";

/** A window in room `fox`, as `me`, whose server is played by the test. */
export interface PlayedRoom {
  page: Page;
  /** The window's connections so far. Each was welcomed, and nothing else. */
  sockets: WebSocketRoute[];
  /** What the window has sent, without its questions for a sign of life. */
  received: { type: string; id: string; text: string }[];
  /** How many signs of life it has asked for. */
  pings: () => number;
}

/** How the played server behaves. */
export interface Play {
  /** Who is in the room. */
  members?: string[];
  /** Whether it answers a `ping`. */
  answers?: boolean;
  /** Whether the page's time is the test's. */
  clock?: boolean;
  /** What it says to a window that comes back; a welcome without anything missed by default. */
  comesBack?: (socket: WebSocketRoute) => void;
}

/** Opens one. */
export async function openPlayedRoom(
  open: OpenWindow,
  url: string,
  { members = ["me"], answers = true, clock = false, comesBack }: Play = {},
  options: WindowOptions = {},
): Promise<PlayedRoom> {
  const page = await open("about:blank", { clientId: "me", ...options });
  const sockets: WebSocketRoute[] = [];
  const received: PlayedRoom["received"] = [];
  let pings = 0;
  await page.routeWebSocket(/\/chat\//, (socket) => {
    sockets.push(socket);
    socket.onMessage((data) => {
      const message = JSON.parse(data.toString());
      if (message.type !== "ping") received.push(message);
      else {
        pings += 1;
        if (answers) socket.send('{"type":"pong"}');
      }
    });
    if (sockets.length === 1) socket.send(welcome(null, { members }));
    else if (comesBack) comesBack(socket);
    else socket.send(welcome(true, { members }));
  });
  if (clock) await page.clock.install();
  await page.goto(`${url}#room/fox`);
  await isMember(page, "me");
  return { page, sockets, received, pings: () => pings };
}

/** What a welcome says beside whether the window has missed nothing. */
export interface Welcome {
  members?: string[];
  position?: { epoch: string; offset: number };
  /** The offset of the room's last message; that of `position` by default. */
  latest?: number;
}

/** What a server says of a room at its beginning. */
export function welcome(
  recovered: boolean | null,
  { members = ["me"], position = { epoch: "first", offset: 0 }, latest }: Welcome = {},
): string {
  const list = members.map((id) => ({ id, since: "2026-01-01T00:00:00.000Z" }));
  const about = { room: "fox", you: "me", position, recovered, members: list };
  return JSON.stringify({ type: "welcome", latest: latest ?? position.offset, ...about });
}

/** What a server says when somebody has said something. */
export function message(
  offset: number,
  from: string,
  text: string,
  at: unknown = "2026-01-01T00:00:00.000Z",
): string {
  return JSON.stringify({ type: "message", offset, from, text, at });
}
