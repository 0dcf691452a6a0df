import type { Readiness, VersionSpec } from "#server/contract/prepare.ts";
import type { WarmPool } from "#server/runtime/sandbox/warm-pool.ts";
import { messageOf } from "#server/std/fault.ts";
import type { Log } from "#server/std/log.ts";
import { Capacity } from "./capacity.ts";
import { describeEnd, type Failure } from "./failure.ts";
import { START_MS_MAX, type Instance, type InstanceParts } from "./instance.ts";
import { startError } from "./start-error.ts";
import { VersionPool } from "./version-pool.ts";
import { WaitingRoom, type WaitingBounds } from "./waiting-room.ts";

const REAP_EVERY_MS = 500;
const BACKGROUND_EVERY_MS = 10_000;
const GONE_MS = 5_000;

export type FleetEvents = {
  started(instance: Instance): void;
  ended(instance: Instance): void;
  /** It was replaced so long ago that what is still open in it must end. */
  expired(instance: Instance): void;
};

export type FleetOptions = {
  warmPool: WarmPool;
  /** How long an instance stays that has nothing to do. */
  instanceIdleMs: number;
  /** How long the calls of a replaced version may go on. */
  replacedMsMax: number;
  instancesMax: number;
  instancesPerOrganizationMax: number;
  startingMax: number;
  waiting: WaitingBounds;
  parts: InstanceParts;
  events: FleetEvents;
  log: Log;
};

/** All instances of this node, by version. */
export class Fleet {
  readonly capacity: Capacity;
  readonly waitingRoom: WaitingRoom;
  readonly #pools = new Map<string, VersionPool>();
  readonly #byId = new Map<string, Instance>();
  readonly #gone = new Map<string, Instance>();
  readonly #options: FleetOptions;
  readonly #timers: NodeJS.Timeout[];
  readonly #expired = new WeakSet<Instance>();

  constructor(options: FleetOptions) {
    this.#options = options;
    this.capacity = new Capacity({ ...options, makeRoom: () => this.#makeRoom() });
    this.waitingRoom = new WaitingRoom(options.waiting);
    this.#timers = [
      setInterval(() => this.#reap(), REAP_EVERY_MS),
      setInterval(() => this.#reportBackground(), BACKGROUND_EVERY_MS),
    ];
  }

  instances(): Iterable<Instance> {
    return this.#byId.values();
  }

  instance(id: string): Instance | undefined {
    return this.#byId.get(id);
  }

  /** The pool of a version, made at its first use. */
  pool(spec: VersionSpec): VersionPool {
    const known = this.#pools.get(spec.versionId);
    if (known) {
      known.follow(spec);
      return known;
    }
    const pool = new VersionPool(spec, {
      ...this.#options.parts,
      capacity: this.capacity,
      waitingRoom: this.waitingRoom,
      takeSandbox: () => this.#options.warmPool.take(),
      onStarted: (instance) => {
        this.#byId.set(instance.id, instance);
        this.#options.events.started(instance);
      },
      onEnded: (instance) => {
        this.#byId.delete(instance.id);
        this.#remember(instance);
        this.#options.events.ended(instance);
      },
    });
    this.#pools.set(spec.versionId, pool);
    return pool;
  }

  /** The spec of a version is this now: what runs under another gives way. */
  follow(spec: VersionSpec): void {
    this.#pools.get(spec.versionId)?.follow(spec);
  }

  /** Why calls to an instance broke; one that is long gone was ended by the platform, and its failure told to those it had. */
  async whyBroken(instanceId: string, timeMsMax: number): Promise<Failure> {
    const instance = this.#byId.get(instanceId) ?? this.#gone.get(instanceId);
    return instance ? instance.failureWithin(timeMsMax) : describeEnd("shutdown", "", true);
  }

  /** A call has left an instance in which others wanted its place. */
  released(instanceId: string): void {
    const instance = this.#byId.get(instanceId);
    if (instance) this.#pools.get(instance.spec.versionId)?.serveWaiters();
  }

  /** Starts one instance and waits until it takes requests; it stays, so the first call finds it. */
  async prepare(spec: VersionSpec): Promise<Readiness> {
    const beganAt = performance.now();
    const pool = this.pool(spec);
    if (pool.isReady) return { kind: "ready", startMs: 0 };
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
    for (const versionId of retired) this.#pools.get(versionId)?.serve(false);
    for (const versionId of serving) this.#pools.get(versionId)?.serve(true);
  }

  /** Calls that broke with it ask why a moment later. */
  #remember(instance: Instance): void {
    this.#gone.set(instance.id, instance);
    setTimeout(() => this.#gone.delete(instance.id), GONE_MS).unref();
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all([...this.#byId.values()].map((instance) => instance.end("shutdown")));
  }

  #reap(): void {
    const nowMs = Date.now();
    for (const instance of this.#byId.values()) {
      const idleMs = instance.idleMs(nowMs);
      const { replacedAtMs } = instance;
      if (replacedAtMs !== undefined && instance.endIfIdle("replaced")) continue;
      if (idleMs >= this.#options.instanceIdleMs) instance.endIfIdle("idle");
      const isOverdue = replacedAtMs !== undefined && nowMs - replacedAtMs > this.#options.replacedMsMax;
      if (!isOverdue || this.#expired.has(instance)) continue;
      this.#expired.add(instance);
      this.#options.events.expired(instance);
    }
    for (const [versionId, pool] of this.#pools) {
      pool.serveWaiters();
      if (pool.isEmpty) this.#pools.delete(versionId);
    }
    this.capacity.look();
  }

  /** Ends the instance that has had nothing to do for the longest. */
  #makeRoom(): boolean {
    const nowMs = Date.now();
    const idle = [...this.#byId.values()].filter((instance) => instance.isIdle && !instance.isEnding);
    idle.sort((one, other) => other.idleMs(nowMs) - one.idleMs(nowMs));
    return idle.some((instance) => instance.endIfIdle("no_room"));
  }

  #reportBackground(): void {
    for (const instance of this.#byId.values()) {
      if (!instance.hasExited) instance.reportBackground();
    }
  }
}
