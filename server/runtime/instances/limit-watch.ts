import { readFileSync } from "node:fs";
import { memoryBytesBound } from "#server/runtime/sandbox/sandbox.ts";
import type { Log } from "#server/std/log.ts";
import type { Fleet } from "./fleet.ts";
import type { Instance } from "./instance.ts";

const WATCH_EVERY_MS = 20;
const MEMORY_EVERY_TICKS = 3;
const IDLE_EVERY_TICKS = 5;
const PAGE_BYTES = 4096;

/**
 * Holds the limits from outside, as workerd has none: CPU by the kernel's clock, memory by what the process keeps
 * for itself (V8's heap flag doesn't bound ArrayBuffers). Who breaks one is ended, and never reused.
 */
export function watchLimits(fleet: Fleet, log: Log): { stop(): void } {
  let tick = 0;
  const timer = setInterval(() => {
    tick += 1;
    for (const instance of fleet.instances()) {
      if (instance.isEnding) continue;
      // What is idle has had a quantum reserved since it began, and is looked at now and then.
      if (instance.isIdle && tick % IDLE_EVERY_TICKS !== 0) continue;
      const broken = cpuIsOver(instance)
        ? "cpu_limit"
        : tick % MEMORY_EVERY_TICKS === 0 && memoryIsOver(instance)
          ? "memory_limit"
          : undefined;
      if (!broken) continue;
      log.warn(
        { functionId: instance.spec.functionId, versionId: instance.spec.versionId, limit: broken },
        "an instance broke a limit and was ended",
      );
      void instance.end(broken);
    }
  }, WATCH_EVERY_MS);
  return { stop: () => clearInterval(timer) };
}

function cpuIsOver(instance: Instance): boolean {
  const { largestNs, aftersNs } = instance.account.look();
  instance.coverOwnUse(aftersNs);
  return largestNs > instance.spec.limits.cpuMsMax * 1_000_000;
}

function memoryIsOver(instance: Instance): boolean {
  try {
    const [, resident = 0, shared = 0] = readFileSync(`/proc/${instance.sandbox.pid}/statm`, "utf8")
      .split(" ")
      .map(Number);
    return (resident - shared) * PAGE_BYTES > memoryBytesBound(instance.spec.limits);
  } catch {
    return false; // It is gone, and `exited` tells.
  }
}
