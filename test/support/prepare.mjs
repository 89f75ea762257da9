// Runs before `npm test`: finds what the tests need from the system, beside npm's packages.
// As root on Debian or Ubuntu it installs what is missing; elsewhere it says what to run.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";

const OLDEST_NODE = [20, 20];
const LOCK_WAIT_SECONDS = 120;
const NGINX = "/usr/sbin/nginx";
const REDIS = "/usr/bin/redis-server";

// One line each: the Debian package, what the tests do with it, and whether it is there.
const NEEDS = [
  {
    package: "python3-websockets",
    why: "a client that is not ours",
    found: () => succeeds("/usr/bin/python3", "-c", "import websockets"),
  },
  { package: "nginx", why: "the proxy of docs/nginx.conf", found: () => existsSync(NGINX) },
  {
    package: "redis-server",
    why: "the server of docs/redis.md; REDIS_SERVER names another program",
    found: () => existsSync(process.env.REDIS_SERVER ?? REDIS),
  },
];

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
  stop(`Node ${OLDEST_NODE.join(".")} or later is needed; this is ${process.versions.node}.`);
}

const packagedBrowser = process.platform === "linux" && process.arch === "x64";
if (!packagedBrowser && !process.env.CHROMIUM) {
  stop(
    `no Chromium is packaged for ${process.platform} on ${process.arch}: install one and name it, as in: sudo apt-get install -y chromium && CHROMIUM=/usr/bin/chromium npm test`,
  );
}

const missing = NEEDS.filter((need) => !need.found());
if (missing.length > 0) {
  const packages = missing.map((need) => need.package);
  const list = missing.map((need) => `${need.package} (${need.why})`).join(", ");
  const byHand = `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages.join(" ")}`;

  if (!existsSync("/usr/bin/apt-get") || process.getuid?.() !== 0) {
    stop(`the tests need ${list}: ${byHand}`);
  }
  console.log(`prepare: installing ${list}`);
  update();
  const installed = apt("install", "-y", "--no-install-recommends", ...packages);
  if (installed.status !== 0) stop(`apt-get could not install ${list}:\n${installed.output}`);
  const absent = missing.filter((need) => !need.found()).map((need) => need.package);
  if (absent.length > 0) stop(`installed, and still not usable: ${absent.join(", ")}`);
}

/** Refreshes the package lists. One broken source need not matter: the installation decides. */
function update() {
  const deadline = Date.now() + LOCK_WAIT_SECONDS * 1000;
  while (true) {
    const { status, output } = apt("update");
    if (status === 0) return;
    // apt-get waits for dpkg's lock when told to, but never for that of the lists
    if (!/could not get lock/i.test(output) || Date.now() > deadline) {
      console.error(`prepare: apt-get update failed:\n${output}`);
      return;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000);
  }
}

/** @param {string[]} args */
function apt(...args) {
  const { status, error, stdout, stderr } = spawnSync(
    "/usr/bin/apt-get",
    ["-q", "-o", `DPkg::Lock::Timeout=${LOCK_WAIT_SECONDS}`, ...args],
    {
      encoding: "utf8",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  return { status, output: error ? String(error) : `${stdout}${stderr}`.trim() };
}

/** @param {string} command @param {string[]} args */
function succeeds(command, ...args) {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}

/** @param {string} reason */
function stop(reason) {
  console.error(`prepare: ${reason}`);
  process.exit(1);
}
