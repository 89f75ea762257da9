import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Browser, chromium } from "playwright-core";

const MODULES = fileURLToPath(new URL("../../node_modules/", import.meta.url));
const PACKAGE = join(MODULES, "@sparticuz/chromium");

/** The browser talks to the server under test and to nobody else. */
const QUIET = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-domain-reliability",
  "--disable-gpu",
  "--disable-quic",
  "--disable-sync",
  "--no-first-run",
  "--no-pings",
];

/**
 * Starts a headless Chromium: the one that `CHROMIUM` names, or else the one in the
 * `@sparticuz/chromium` package, which needs no system package on Debian 12, Ubuntu 22.04 or later.
 */
export async function launchBrowser(): Promise<Browser> {
  const named = process.env.CHROMIUM;
  const { executablePath, env } = named ? { executablePath: named, env: {} } : await packaged();
  return chromium.launch({
    executablePath,
    // Root, as in a container, cannot have Chromium's sandbox; only this project's pages are opened.
    chromiumSandbox: false,
    args: QUIET,
    env: { ...definedEnvironment(), ...env },
  });
}

interface Packaged {
  executablePath: string;
  env: Record<string, string>;
}

async function packaged(): Promise<Packaged> {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new Error("no Chromium is packaged for this machine: name an executable in CHROMIUM");
  }
  const { version } = JSON.parse(await readFile(join(PACKAGE, "package.json"), "utf8"));
  const home = join(MODULES, ".cache", `chromium-${version}`);
  if (!existsSync(home)) await unpack(home);
  await configureFonts(home);
  return {
    executablePath: join(home, "chromium"),
    env: {
      LD_LIBRARY_PATH: join(home, "al2023/lib"),
      FONTCONFIG_FILE: join(home, "fonts.conf"),
    },
  };
}

/** Unpacks beside `home` and renames, so that test files running at once never see half a browser. */
async function unpack(home: string): Promise<void> {
  await mkdir(dirname(home), { recursive: true });
  const temporary = await mkdtemp(`${home}-`);
  try {
    // A process of its own, because the package unpacks into TMPDIR, reuses whatever lies there,
    // and adds the libraries that Chromium links to only where it believes to be on AWS.
    await promisify(execFile)(
      process.execPath,
      ["--input-type=module", "--eval", UNPACK, join(PACKAGE, "build/esm/index.js")],
      { timeout: 60_000, env: { TMPDIR: temporary, AWS_EXECUTION_ENV: "AWS_Lambda_nodejs20.x" } },
    );
    await rename(temporary, home).catch((error) => {
      if (!existsSync(home)) throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

const UNPACK = `
  const { default: chromium } = await import(process.argv[1]);
  await chromium.executablePath();
`;

/**
 * Each time, because it names directories: in a project that was moved or copied, Chromium would
 * find no font and draw no letter.
 */
async function configureFonts(home: string): Promise<void> {
  const file = join(home, "fonts.conf");
  const wanted = fontConfiguration(home);
  if ((await readFile(file, "utf8").catch(() => "")) === wanted) return;
  const temporary = `${file}-${process.pid}`;
  await writeFile(temporary, wanted);
  await rename(temporary, file);
}

/** The package's own names directories of AWS. */
function fontConfiguration(home: string): string {
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${home}/fonts/fonts</dir>
  <cachedir>${home}/fonts-cache</cachedir>
</fontconfig>
`;
}

function definedEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
}
