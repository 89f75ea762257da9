// Programs that the documents show, and what a test asks of them.

import assert from "node:assert/strict";
import { EXIT } from "../../lib/server/run.ts";
import { PlainClient } from "./plain-client.ts";
import { Program } from "./program.ts";
import type { Project } from "./snippets.ts";

const WAIT_MS = 10_000;

/** Runs a program of a project on a free port; it must end with 0 on SIGTERM. */
export async function running(
  project: Project | undefined,
  file: string,
  body: (url: string) => Promise<void>,
): Promise<void> {
  assert.ok(project, file);
  await using program = new Program(`exec node --import tsx ${file}`, free(project.directory));
  await body(await urlOf(program));
  program.signal("SIGTERM");
  const { code, output } = await program.ends();
  assert.equal(code, EXIT.drained, output);
}

/** Asserts that a server has the page at `/` and the echo at `/ws/`. */
export async function servesPageAndEcho(url: string): Promise<void> {
  const page = await fetch(url, timely());
  assert.equal(page.status, 200);
  assert.match(await page.text(), /id="messageText"/);
  await using socket = await PlainClient.connect(url, "/ws/");
  socket.send("hi");
  assert.equal(await socket.receive(), "Message text was: hi");
}

/** Runs a command, which must end with 0, and gives what it prints. */
export async function succeeds(command: string, cwd: string): Promise<string> {
  await using program = new Program(command, { cwd });
  const { code, output } = await program.ends();
  assert.equal(code, 0, `${command}\n${output}`);
  return output;
}

/** The address that a program prints. */
export function urlOf(program: Program): Promise<string> {
  return program.prints(/http:\/\/127\.0\.0\.1:\d+\//);
}

/** Options of a program on a free port. */
export function free(cwd: string): { cwd: string; env: Record<string, string> } {
  return { cwd, env: { PORT: "0" } };
}

/** Options of a request that has a deadline. */
export function timely(): RequestInit {
  return { headers: { Connection: "close" }, signal: AbortSignal.timeout(WAIT_MS) };
}
