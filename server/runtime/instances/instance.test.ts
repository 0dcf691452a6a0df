import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { defaultLimits } from "#server/contract/limits.ts";
import type { VersionSpec } from "#server/contract/prepare.ts";
import { Journal } from "#server/runtime/meter/journal.ts";
import { CONTROL_MARK } from "#server/runtime/sandbox/guest.ts";
import { LeaseAccount } from "#server/runtime/meter/lease-account.ts";
import type { OwnLease } from "#server/runtime/meter/own-use.ts";
import type { Sandbox } from "#server/runtime/sandbox/sandbox.ts";
import { eventually } from "#server/runtime/test-runtime.ts";
import { createLog } from "#server/std/log.ts";
import { Instance } from "./instance.ts";

test("a tenant that claims waits without end is heard for a bounded number, so that it can't slow the gateway", async () => {
  const dir = await mkdtemp(join(tmpdir(), "sluice-instance-"));
  const journal = new Journal({ dir: join(dir, "1"), first: 1, stride: 1 }, createLog("test", "silent"));
  const printed = new PassThrough();
  const sandbox = sandboxThatPrints(printed);
  const instance = new Instance(spec, sandbox, { journal, onLine: () => undefined, leaseOf });
  for (let id = 0; id < 5_000; id += 1) printed.write(said(`wait ${requestId(id)}`));
  printed.write(said(`wait ${requestId(5_000)}`));
  const inFlight = await eventually(
    async () => instance.account.shares,
    (count) => count >= 1_000,
  );
  expect(inFlight).toBe(1_000);
  for (let id = 0; id < 5_000; id += 1) printed.write(said(`done ${requestId(id)}`));
  await eventually(
    async () => instance.account.shares,
    (count) => count === 0,
  );
  expect(instance.account.shares).toBe(0);
  await instance.end("shutdown");
  await journal.close();
  await rm(dir, { recursive: true });
});

test("a process that the kernel ended for its memory is told as memory_limit, another kill as a crash", async () => {
  const dir = await mkdtemp(join(tmpdir(), "sluice-instance-"));
  const journal = new Journal({ dir: join(dir, "1"), first: 1, stride: 1 }, createLog("test", "silent"));
  for (const isOutOfMemory of [true, false]) {
    const exited = Promise.resolve({ code: 137, signal: null, isOutOfMemory });
    const sandbox = { ...sandboxThatPrints(new PassThrough()), exited };
    const { outcome } = await new Instance(spec, sandbox, { journal, onLine: () => undefined, leaseOf }).failureWithin(
      100,
    );
    expect(outcome).toBe(isOutOfMemory ? "memory_limit" : "function_crashed");
  }
  await journal.close();
  await rm(dir, { recursive: true });
});

/** A lease that has plenty. */
const leaseOf = (): OwnLease => {
  const account = new LeaseAccount(LeaseAccount.newMemory());
  account.add({ requests: 1e6, cpuNs: 1e15, egressBytes: 1e12 });
  return { account, ensure: async () => ({ kind: "granted" }) };
};

const spec = {
  versionId: "ver_1",
  functionId: "fn_1",
  organizationId: "org_1",
  number: 1,
  bundle: "",
  compatibilityDate: "2026-11-01",
  plan: "pro",
  limits: defaultLimits.pro,
  bindings: [],
} satisfies VersionSpec;

/** Of the right form, as a tenant would forge them: others are not heard at all. */
const requestId = (id: number) => `req_${String(id).padStart(20, "0")}`;

const said = (word: string) => `${JSON.stringify({ timestamp: 0, level: "log", message: `${CONTROL_MARK}${word}` })}\n`;

/** This test's own process stands for the sandbox's: it has a CPU clock. */
function sandboxThatPrints(output: PassThrough): Sandbox {
  const { promise: exited, resolve: exit } = Promise.withResolvers<Awaited<Sandbox["exited"]>>();
  return {
    pid: process.pid,
    inSocketPath: "/nowhere",
    outSocketPath: "/nowhere",
    out: { configure: () => undefined },
    output: [output],
    listening: Promise.resolve("listening"),
    exited,
    configure: () => undefined,
    kill: async () => exit({ code: 0, signal: null, isOutOfMemory: false }),
  };
}
