import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { readCpuNs } from "#server/runtime/meter/cpu-clock.ts";
import { listenOnSocket } from "#server/runtime/sandbox/listen-socket.ts";
import { startChild, type Child } from "./child.ts";
import { COMPATIBILITY_DATE, helloBundle } from "./hello-function.ts";
import { callOnce } from "./load.ts";

/** Names `internet` itself: the implicit one loads the system's CA store, and would make the anchor slower. */
const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (modules = [(name = "index.js", esModule = ${JSON.stringify(helloBundle)})], compatibilityDate = "${COMPATIBILITY_DATE}")),
    (name = "internet", network = (allow = []))
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);
`;

const listening = z.object({ event: z.literal("listen"), port: z.number().int() });

/** workerd with nothing around it: the same binary, the same function, no sandbox, no meter. */
export class BareWorkerd {
  readonly #dir: string;
  readonly #binary: string;

  private constructor(dir: string, binary: string) {
    this.#dir = dir;
    this.#binary = binary;
  }

  static async prepare(dir: string): Promise<BareWorkerd> {
    const require = createRequire(import.meta.url);
    const packageName = `@cloudflare/workerd-linux-${process.arch === "x64" ? "64" : process.arch}`;
    const binary = createRequire(require.resolve("workerd/package.json")).resolve(`${packageName}/bin/workerd`);
    const textPath = join(dir, "bare.capnp");
    await writeFile(textPath, config);
    const compiled = await promisify(execFile)(binary, ["compile", textPath, "--config-only"], { encoding: "buffer" });
    await writeFile(join(dir, "bare.bin"), compiled.stdout);
    return new BareWorkerd(dir, binary);
  }

  async version(): Promise<string> {
    const { stdout } = await promisify(execFile)(this.#binary, ["--version"]);
    return stdout.trim();
  }

  /** Serves on a TCP port until disposed. */
  async serve(): Promise<Child & { port: number }> {
    const child = await startChild({
      command: [this.#binary, "serve", join(this.#dir, "bare.capnp"), "--control-fd=3"],
      stdio: ["ignore", "inherit", "inherit", "pipe"],
      readyFd: 3,
    });
    return { ...child, port: listening.parse(JSON.parse(child.firstLine)).port };
  }

  /** From spawn to the first byte of the first answer. The request waits on the socket that the process inherits, so nothing polls. */
  async start(form: "text" | "binary"): Promise<{ firstByteMs: number; cpuUs: number }> {
    const socketPath = join(this.#dir, "bare.sock");
    const listener = listenOnSocket(socketPath);
    const source = form === "text" ? [join(this.#dir, "bare.capnp")] : ["--binary", join(this.#dir, "bare.bin")];
    const beganAt = performance.now();
    const child = spawn(this.#binary, ["serve", ...source, "-Shttp=3"], {
      stdio: ["ignore", "inherit", "inherit", listener.fd],
    });
    const spawnedMs = performance.now() - beganAt;
    listener.close();
    try {
      const { firstByteMs } = await callOnce({ socketPath }, "localhost");
      return { firstByteMs: spawnedMs + firstByteMs, cpuUs: (readCpuNs(child.pid ?? 0) ?? 0) / 1000 };
    } finally {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
      await rm(socketPath, { force: true });
    }
  }
}
