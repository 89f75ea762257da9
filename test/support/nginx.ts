import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "./free-port.ts";

const NGINX = "/usr/sbin/nginx";
const DOCUMENTED = fileURLToPath(new URL("../../docs/nginx.conf", import.meta.url));
const START_MS = 20_000;

/** Debian's nginx with `docs/nginx.conf`, in front of a server of this machine. */
export interface Nginx extends AsyncDisposable {
  /** The ports of http and https. */
  readonly ports: { readonly http: number; readonly https: number };
  /** What it has written into the access log of the documented configuration. */
  accessLog(): Promise<string>;
}

/**
 * Starts it as a process of this one, with everything it writes in a directory of its own. The
 * documented file is changed in its ports and paths only, and where a prefix is to be stripped.
 *
 * @param upstream the port of the server behind it, or the path of its Unix socket
 * @param pem the certificate and its key
 * @param prefix a path that it strips, such as `/api`
 * @throws Error when the file no longer says what is to be replaced, or nginx does not start
 */
export async function startNginx(
  upstream: number | string,
  pem: { cert: string; private: string },
  prefix?: string,
): Promise<Nginx> {
  const directory = await mkdtemp(join(tmpdir(), "nginx-"));
  await chmod(directory, 0o755);
  const at = (name: string) => join(directory, name);
  const ports = { http: await freePort(), https: await freePort() };
  const documented = replaced(await readFile(DOCUMENTED, "utf8"), [
    [
      "server 127.0.0.1:8000;",
      typeof upstream === "number" ? `server 127.0.0.1:${upstream};` : `server unix:${upstream};`,
    ],
    ...(prefix === undefined
      ? []
      : ([
          ["location / {", `location ${prefix}/ {`],
          ["proxy_pass http://koa_subapps;", "proxy_pass http://koa_subapps/;"],
        ] as const)),
    ["listen 80;", `listen 127.0.0.1:${ports.http};`],
    ["listen 443 ssl;", `listen 127.0.0.1:${ports.https} ssl;`],
    ["/etc/ssl/certs/example.com.pem", at("cert.pem")],
    ["/etc/ssl/private/example.com.key", at("key.pem")],
    ["/var/log/nginx/koa-subapps.log", at("access.log")],
  ]);
  await writeFile(at("cert.pem"), pem.cert);
  await writeFile(at("key.pem"), pem.private, { mode: 0o600 });
  await writeFile(at("koa-subapps.conf"), documented);
  await writeFile(at("nginx.conf"), around(directory));
  const child = spawn(NGINX, ["-p", directory, "-c", at("nginx.conf")], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(child, "exit");
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const kill = () => child.kill("SIGTERM");
  process.once("exit", kill);
  const dispose = async () => {
    kill();
    await exited;
    process.off("exit", kill);
    await rm(directory, { recursive: true, force: true });
  };
  const late = AbortSignal.timeout(START_MS);
  while (!(await listens(ports.https))) {
    if (late.aborted || child.exitCode !== null) {
      await dispose();
      throw new Error(`nginx did not start:\n${output}`);
    }
    await sleep(20);
  }
  return {
    ports,
    accessLog: () => readFile(at("access.log"), "utf8"),
    [Symbol.asyncDispose]: dispose,
  };
}

// What belongs around a file of conf.d.
function around(directory: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `  ${name}_temp_path ${directory}/${name};`,
  );
  return [
    // Its workers would otherwise be somebody who cannot write here.
    process.getuid?.() === 0 ? "user root;" : "",
    "daemon off;",
    "worker_processes 1;",
    `pid ${directory}/pid;`,
    "error_log stderr warn;",
    "events { worker_connections 1024; }",
    "http {",
    ...temporary,
    `  include ${directory}/koa-subapps.conf;`,
    "}",
    "",
  ].join("\n");
}

function replaced(text: string, pairs: readonly (readonly [from: string, to: string])[]): string {
  return pairs.reduce((all, [from, to]) => {
    if (all.split(from).length !== 2) throw new Error(`expected ${from} once in ${DOCUMENTED}`);
    return all.replace(from, to);
  }, text);
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
