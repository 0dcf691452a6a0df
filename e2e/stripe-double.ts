import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { request } from "undici";
import { z } from "zod";

const root = join(import.meta.dirname, "..");

const world = z.object({
  violations: z.array(z.string()),
  mistakes: z.array(z.string()),
  invoices: z.array(
    z.object({
      reason: z.string(),
      status: z.string(),
      lines: z.array(z.object({ description: z.string(), cents: z.string() })),
    }),
  ),
});

/** The stand-in for Stripe as a process of its own, which sends its webhooks by itself. */
export class StripeDoubleProcess {
  readonly #child: ChildProcess;
  /** What a Sluice needs to talk to it. */
  readonly env: { STRIPE_API_BASE: string; STRIPE_SECRET_KEY: string };

  private constructor(child: ChildProcess, env: StripeDoubleProcess["env"]) {
    this.#child = child;
    this.env = env;
  }

  /** Its clock begins at a moment, and goes on from there. */
  static async start(nowMs: number): Promise<StripeDoubleProcess> {
    const script = join(root, "server/stripe/double/main.ts");
    const child = spawn(process.execPath, [script, "--now", new Date(nowMs).toISOString()], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const line = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).once("line", resolve);
      child.once("exit", (code) => reject(new Error(`the double ended with ${code}`)));
    });
    const [, base = "", key = ""] = /^STRIPE_API_BASE=(\S+) STRIPE_SECRET_KEY=(\S+)$/.exec(line) ?? [];
    return new StripeDoubleProcess(child, { STRIPE_API_BASE: base, STRIPE_SECRET_KEY: key });
  }

  /** `npm run stripe:setup`, for a console at that address. Gives the webhook's secret, which is told once. */
  async setUp(consoleUrl: string): Promise<string> {
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, "server/supervisor/stripe-setup.ts")], {
      env: { ...process.env, ...this.env, NEXTAUTH_URL: consoleUrl },
    });
    return /^STRIPE_WEBHOOK_SECRET=(\S+)$/m.exec(stdout)?.[1] ?? "";
  }

  /** Moves its clock to a moment, and does on the way what falls due. */
  async moveTo(toMs: number): Promise<void> {
    await this.#command("advance", { toMs });
  }

  async state(): Promise<z.infer<typeof world>> {
    return world.parse(await this.#command("state", {}));
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await exited;
  }

  async #command(name: string, input: unknown): Promise<unknown> {
    const { statusCode, body } = await request(`${this.env.STRIPE_API_BASE}/_double/${name}`, {
      method: "POST",
      body: JSON.stringify(input),
    });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`the double refused to ${name}: ${text}`);
    return JSON.parse(text);
  }
}
