import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { z } from "zod";
import { freePort } from "#server/std/free-port.ts";
import { run, startServer, type Child } from "./child.ts";
import { COMPATIBILITY_DATE, HELLO, helloBundle } from "./hello-function.ts";
import { ask } from "./load.ts";

/** Other products that run functions. They have a package folder of their own, so that no start of Sluice fetches them. */
const folder = join(import.meta.dirname, "contestants");
const require = createRequire(join(folder, "package.json"));
const INSTALL_MS_MAX = 240_000;
/** A port that refuses: what would leave this machine goes there and no further. */
const NOWHERE = "http://127.0.0.1:9";

const manifest = z.object({ dependencies: z.record(z.string(), z.string()) });
const installed = z.object({ version: z.string() });

export type Contestant = Child & { port: number };

/** Installs what package.json of the folder names, unless that is there. No script of a package runs. */
export async function installContestants(say: (text: string) => void): Promise<void> {
  const { dependencies } = manifest.parse(JSON.parse(readFileSync(join(folder, "package.json"), "utf8")));
  // npm writes its list last: without it an install was broken off.
  const isWhole = existsSync(join(folder, "node_modules/.package-lock.json"));
  if (isWhole && Object.entries(dependencies).every(([name, version]) => installedVersion(name) === version)) return;
  say("installing the contestants (250 MB, once)");
  const npm = run({
    command: [
      "npm",
      "install",
      "--ignore-scripts",
      "--no-package-lock",
      "--no-audit",
      "--no-fund",
      "--no-update-notifier",
      "--fetch-retries=1",
      "--loglevel=error",
    ],
    cwd: folder,
    timeMsMax: INSTALL_MS_MAX,
  });
  npm.finish();
  await npm.output;
}

export function installedVersion(name: string): string | undefined {
  const path = join(folder, "node_modules", name, "package.json");
  return existsSync(path) ? installed.parse(JSON.parse(readFileSync(path, "utf8"))).version : undefined;
}

/** The framework's own server, on loopback alone: its command would listen on all interfaces. */
export async function startFunctionsFramework(dir: string): Promise<Contestant> {
  const framework = "@google-cloud/functions-framework";
  const port = await freePort();
  const program = join(dir, "functions-framework.cjs");
  await writeFile(
    program,
    `const { http } = require(${JSON.stringify(require.resolve(framework))});
const { getTestServer } = require(${JSON.stringify(require.resolve(`${framework}/testing`))});
http("hello", (_req, res) => res.type("text/plain").send(${JSON.stringify(HELLO)}));
getTestServer("hello").listen(${port}, "127.0.0.1");
`,
  );
  return serving(port, { command: [process.execPath, program], env: { NODE_ENV: "production" } });
}

/** As it comes, with the line that it prints for each request, which goes nowhere. */
export async function startWranglerDev(dir: string): Promise<Contestant> {
  const home = join(dir, "wrangler");
  await mkdir(home, { recursive: true });
  await writeFile(join(home, "index.js"), helloBundle);
  const config = { name: "hello", main: "index.js", compatibility_date: COMPATIBILITY_DATE };
  await writeFile(join(home, "wrangler.json"), JSON.stringify(config));
  const [port, inspectorPort] = [await freePort(), await freePort()];
  const program = join(folder, "node_modules/wrangler/bin/wrangler.js");
  return serving(port, {
    command: [
      process.execPath,
      program,
      "dev",
      "--ip=127.0.0.1",
      `--port=${port}`,
      `--inspector-port=${inspectorPort}`,
    ],
    cwd: home,
    env: {
      CI: "1",
      HOME: home,
      XDG_CONFIG_HOME: home,
      TMPDIR: home,
      WRANGLER_SEND_METRICS: "false",
      WRANGLER_SEND_ERROR_REPORTS: "false",
      WRANGLER_HIDE_BANNER: "true", // and with it the question for a newer version
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
      HTTP_PROXY: NOWHERE,
      HTTPS_PROXY: NOWHERE,
      NO_PROXY: "127.0.0.1,localhost",
      http_proxy: NOWHERE,
      https_proxy: NOWHERE,
      no_proxy: "127.0.0.1,localhost",
    },
  });
}

async function serving(port: number, options: Parameters<typeof startServer>[0]): Promise<Contestant> {
  const child = await startServer(options, () => answersHello(port));
  return { ...child, port };
}

/** False while it can't be connected to, or answers something else. */
async function answersHello(port: number): Promise<boolean> {
  try {
    const { status, body } = await ask({ port }, "localhost");
    return status === 200 && body.includes(HELLO.trim());
  } catch {
    return false;
  }
}
