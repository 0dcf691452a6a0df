import type { Readiness, VersionSpec } from "#server/contract/prepare.ts";
import type { Log } from "#server/std/log.ts";
import { messageOf } from "#server/std/fault.ts";
import type { WarmPool } from "#server/runtime/sandbox/warm-pool.ts";
import { START_MS_MAX, type Instance, type InstanceParts } from "./instance.ts";
import { startError } from "./start-error.ts";
import { VersionPool } from "./version-pool.ts";

const REAP_EVERY_MS = 500;
const BACKGROUND_EVERY_MS = 10_000;

export type FleetOptions = { warmPool: WarmPool; instanceIdleMs: number; parts: InstanceParts; log: Log };

/** All instances of this node, by version. */
export class Fleet {
  readonly #pools = new Map<string, VersionPool>();
  readonly #options: FleetOptions;
  readonly #timers: NodeJS.Timeout[];

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#timers = [
      setInterval(() => this.#reap(), REAP_EVERY_MS),
      setInterval(() => this.#reportBackground(), BACKGROUND_EVERY_MS),
    ];
  }

  *instances(): Generator<Instance> {
    for (const pool of this.#pools.values()) yield* pool.instances;
  }

  /** The pool of a version, made at its first use. */
  pool(spec: VersionSpec): VersionPool {
    const known = this.#pools.get(spec.versionId);
    if (known) return known;
    const pool = new VersionPool(spec, () => this.#options.warmPool.take(), this.#options.parts);
    this.#pools.set(spec.versionId, pool);
    return pool;
  }

  knows(versionId: string): VersionPool | undefined {
    return this.#pools.get(versionId);
  }

  /** Starts one instance and waits until it takes requests; it stays, so the first call finds it. */
  async prepare(spec: VersionSpec): Promise<Readiness> {
    const beganAt = performance.now();
    const pool = this.pool(spec);
    if (pool.instances.some((instance) => instance.hasListened && !instance.isDraining))
      return { kind: "ready", startMs: 0 };
    let instance: Instance;
    try {
      instance = await pool.startBesides();
    } catch (error) {
      this.#options.log.error({ err: error }, "no sandbox could be started");
      return { kind: "unavailable", message: `No sandbox could be started: ${messageOf(error)}` };
    }
    const state = await instance.sandbox.listening;
    if (state === "listening") return { kind: "ready", startMs: performance.now() - beganAt };
    return startError(instance.lastWords(), performance.now() - beganAt >= START_MS_MAX);
  }

  /** Deployments changed: instances of versions that no longer serve end as soon as they have nothing to do. */
  swap(retired: readonly string[], serving: readonly string[]): void {
    for (const versionId of retired) {
      for (const instance of this.#pools.get(versionId)?.instances ?? []) instance.isDraining = true;
    }
    for (const versionId of serving) {
      for (const instance of this.#pools.get(versionId)?.instances ?? []) instance.isDraining = instance.isEnding;
    }
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all([...this.instances()].map((instance) => instance.end("shutdown")));
  }

  #reap(): void {
    const idleSinceMs = Date.now() - this.#options.instanceIdleMs;
    for (const [versionId, pool] of this.#pools) {
      for (const instance of pool.instances) {
        if (!instance.isIdle || instance.hasExited) continue;
        if (instance.isDraining) void instance.end("replaced");
        else if (instance.lastUsedAtMs < idleSinceMs) void instance.end("idle");
      }
      if (pool.isEmpty) this.#pools.delete(versionId);
    }
  }

  #reportBackground(): void {
    for (const instance of this.instances()) {
      if (!instance.hasExited) instance.reportBackground();
    }
  }
}
