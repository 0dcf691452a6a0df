// `npm start` begins here, under whatever Node (20 or newer) the machine has, with nothing installed yet: plain
// JavaScript without dependencies. It installs what is missing, then hands over to main.ts under the Node 24 that npm brought.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "../..");
const marker = join(root, "node_modules/.sluice-installed");
const HEARTBEAT_MS = 10_000;
const PARENT_CHECK_MS = 1_000;

const say = (text) => process.stderr.write(`sluice: ${text}\n`);

function wanted() {
  const hash = createHash("sha256");
  for (const name of ["package.json", "package-lock.json"]) hash.update(readFileSync(join(root, name)));
  return hash.digest("hex");
}

function isInstalled() {
  return existsSync(marker) && readFileSync(marker, "utf8") === wanted();
}

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    child.on("error", reject);
    process.on("SIGUSR2", () => child.kill("SIGUSR2"));
    child.on("exit", (code) =>
      code === 0 ? resolve() : reject(new Error(output.trim().split("\n").slice(0, 25).join("\n"))),
    );
  });
}

async function install() {
  const began = Date.now();
  say("installing packages (about 1 GB, once)…");
  const heartbeat = setInterval(
    () => say(`still installing, ${Math.round((Date.now() - began) / 1000)} s…`),
    HEARTBEAT_MS,
  );
  try {
    // Not `npm ci`: it insists that the lock file lists each platform's optional binaries, and not every registry carries
    // all of those. This installs what the lock file says, and leaves the file alone. With what only tests need: a start must not take away what `npm test` has installed.
    await run("npm", ["install", "--no-save", "--include=dev", "--no-audit", "--no-fund"]);
  } catch (error) {
    say(`npm could not install the packages. What it said:\n${error.message}`);
    process.exit(1);
  } finally {
    clearInterval(heartbeat);
  }
  writeFileSync(marker, wanted());
  say(`packages installed in ${Math.round((Date.now() - began) / 1000)} s`);
}

const [major] = process.versions.node.split(".");
if (Number(major) < 20) {
  say(`Node ${process.versions.node} is too old: install Node 20 or newer.`);
  process.exit(1);
}
if (!isInstalled()) await install();
if (process.argv.includes("--install-only")) process.exit(0);

const node = join(root, "node_modules/.bin/node");
// The IPC channel is the child's lifeline: it closes when this process goes, however it goes.
// Settings of one's own; what is set in the environment already wins over them.
const envFile = join(root, ".env");
const settings = existsSync(envFile) ? [`--env-file=${envFile}`] : [];
const child = spawn(node, [...settings, join(root, "server/supervisor/main.ts"), ...process.argv.slice(2)], {
  cwd: root,
  stdio: ["inherit", "inherit", "inherit", "ipc"],
  env: { ...process.env, PATH: `${join(root, "node_modules/.bin")}:${process.env.PATH}` },
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill("SIGTERM"));
process.on("SIGUSR2", () => child.kill("SIGUSR2"));
child.on("exit", (code) => process.exit(code ?? 1));

// npm killed with SIGKILL can tell nobody; being handed to another parent does.
const parent = process.ppid;
setInterval(() => process.ppid !== parent && child.kill("SIGTERM"), PARENT_CHECK_MS).unref();
