import type { VersionSpec } from "#server/contract/prepare.ts";
import type { Sandbox } from "#server/runtime/sandbox/sandbox.ts";
import { Instance, type InstanceParts } from "./instance.ts";

/** Requests that wait for an instance of one version; past it the caller is told to come back. */
const WAITING_MAX = 1_000;
/** How long a request waits for room. */
const WAIT_MS_MAX = 10_000;

export type Acquired =
  | { kind: "instance"; instance: Instance; coldStart: boolean }
  | { kind: "overloaded" }
  | { kind: "no_sandbox" };

type Waiter = (acquired: Acquired) => void;

/** The instances of one version: from none to its bound and back, by requests in flight. */
export class VersionPool {
  readonly spec: VersionSpec;
  readonly #takeSandbox: () => Promise<Sandbox>;
  readonly #parts: InstanceParts;
  readonly instances: Instance[] = [];
  #starting = 0;
  readonly #waiters: Waiter[] = [];

  constructor(spec: VersionSpec, takeSandbox: () => Promise<Sandbox>, parts: InstanceParts) {
    this.spec = spec;
    this.#takeSandbox = takeSandbox;
    this.#parts = parts;
  }

  get isEmpty(): boolean {
    return this.instances.length === 0 && this.#starting === 0 && this.#waiters.length === 0;
  }

  /** The least busy instance with room, else a new one, else a place in the queue. The caller enters it in the same tick. */
  acquire(): Acquired | Promise<Acquired> {
    const instance = this.#withRoom();
    if (instance) return { kind: "instance", instance, coldStart: false };
    if (this.#waiters.length >= WAITING_MAX) return { kind: "overloaded" };
    if (this.instances.length + this.#starting < this.spec.limits.instancesMax && this.#starting === 0)
      void this.#startForWaiters();
    return new Promise((resolve) => this.#enqueue(resolve));
  }

  /** Starts an instance whether or not one is there, and hands it out unqueued: for trying whether the version starts. */
  async start(): Promise<Instance> {
    this.#starting += 1;
    try {
      const instance = new Instance(this.spec, await this.#takeSandbox(), this.#parts);
      this.instances.push(instance);
      void instance.sandbox.exited.then(() => this.#remove(instance));
      return instance;
    } finally {
      this.#starting -= 1;
    }
  }

  /** As `start`, and those who came meanwhile and found it starting are served. */
  async startBesides(): Promise<Instance> {
    try {
      const instance = await this.start();
      this.#handOut(instance);
      return instance;
    } catch (error) {
      if (this.#waiters.length > 0) void this.#startForWaiters();
      throw error;
    }
  }

  /** Called when a request has left an instance: one of those who wait takes its place. */
  released(): void {
    if (this.#waiters.length === 0) return;
    const instance = this.#withRoom();
    if (instance) this.#waiters.shift()?.({ kind: "instance", instance, coldStart: false });
  }

  async #startForWaiters(): Promise<void> {
    let instance: Instance;
    try {
      instance = await this.start();
    } catch {
      // The sandbox host has logged why. Nobody is left waiting for what won't come.
      for (const waiter of this.#waiters.splice(0)) waiter({ kind: "no_sandbox" });
      return;
    }
    this.#handOut(instance);
    if (this.#waiters.length > 0 && this.instances.length < this.spec.limits.instancesMax) void this.#startForWaiters();
  }

  /** A new instance takes as many of those who wait as it may have; they enter it only in a later microtask. */
  #handOut(instance: Instance): void {
    const handed = this.#waiters.splice(0, this.spec.limits.concurrencyPerInstanceMax);
    for (const waiter of handed) waiter({ kind: "instance", instance, coldStart: true });
  }

  #enqueue(resolve: Waiter): void {
    const timer = setTimeout(() => {
      const at = this.#waiters.indexOf(waiter);
      if (at >= 0) this.#waiters.splice(at, 1);
      resolve({ kind: "overloaded" });
    }, WAIT_MS_MAX);
    const waiter: Waiter = (acquired) => {
      clearTimeout(timer);
      resolve(acquired);
    };
    this.#waiters.push(waiter);
  }

  #withRoom(): Instance | undefined {
    let best: Instance | undefined;
    for (const instance of this.instances) {
      if (instance.isDraining || instance.hasExited || instance.inFlight >= this.spec.limits.concurrencyPerInstanceMax)
        continue;
      if (!best || instance.inFlight < best.inFlight) best = instance;
    }
    return best;
  }

  #remove(instance: Instance): void {
    const at = this.instances.indexOf(instance);
    if (at >= 0) this.instances.splice(at, 1);
    if (this.#waiters.length > 0 && this.#starting === 0) void this.#startForWaiters();
  }
}
