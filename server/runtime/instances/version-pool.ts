import { limitName, type FunctionLimits } from "#server/contract/limits.ts";
import type { VersionSpec } from "#server/contract/prepare.ts";
import type { CallKey } from "#server/runtime/meter/cpu-account.ts";
import type { Sandbox } from "#server/runtime/sandbox/sandbox.ts";
import type { Capacity, Place } from "./capacity.ts";
import { Instance, type InstanceParts } from "./instance.ts";
import type { WaitingRoom } from "./waiting-room.ts";

/** How long a call waits for room. */
const WAIT_MS_MAX = 10_000;

/** A call has its place in an instance, or is told why not. */
export type Acquired =
  | { kind: "entered"; instance: Instance; place: number; isColdStart: boolean }
  /** All of the function's own instances are busy, and as many wait as may. */
  | { kind: "too_many_concurrent" }
  /** This node has no room for another instance. */
  | { kind: "overloaded" }
  | { kind: "no_sandbox" };

type Waiter = { key: CallKey; settle(acquired: Acquired): void };

export type PoolParts = InstanceParts & {
  capacity: Capacity;
  waitingRoom: WaitingRoom;
  takeSandbox(): Promise<Sandbox>;
  /** A new instance is there: the gateway's threads may send calls to it. */
  onStarted(instance: Instance): void;
  onEnded(instance: Instance): void;
};

/** The instances of one version: from none to its bound and back, by calls in flight. */
export class VersionPool {
  #spec: VersionSpec;
  readonly #parts: PoolParts;
  readonly instances: Instance[] = [];
  readonly #waiters: Waiter[] = [];
  #isServing = true;
  /** Takes back the wish for another instance; undefined while none is asked for. */
  #takeBack: (() => void) | undefined;
  #starting = 0;

  constructor(spec: VersionSpec, parts: PoolParts) {
    this.#spec = spec;
    this.#parts = parts;
  }

  get spec(): VersionSpec {
    return this.#spec;
  }

  /** A version never changes, but what its organization's plan allows it does: then other instances take the place of those that are there. */
  follow(spec: VersionSpec): void {
    if (spec === this.#spec) return;
    const hasOtherLimits = !isSame(spec.limits, this.#spec.limits);
    this.#spec = spec;
    if (hasOtherLimits) for (const instance of this.instances) instance.outdate();
  }

  get isEmpty(): boolean {
    return (
      this.instances.length === 0 && this.#starting === 0 && this.#waiters.length === 0 && this.#takeBack === undefined
    );
  }

  get isReady(): boolean {
    return this.instances.some((instance) => instance.hasListened && !instance.account.isClosed);
  }

  /** A deployment names the version, or none does any more: then its instances only finish what they have. */
  serve(isServing: boolean): void {
    this.#isServing = isServing;
    for (const instance of this.instances) instance.serve(isServing);
  }

  /** The least busy instance with room, else a new one, else a place in the queue. */
  acquire(key: CallKey): Promise<Acquired> | Acquired {
    const entered = this.#enter(key);
    if (entered) return entered;
    const seat = this.#parts.waitingRoom.enter(this.spec.organizationId);
    if (!seat) return this.#refusal();
    return new Promise((resolve) => {
      const settle = (acquired: Acquired): void => {
        clearTimeout(timer);
        seat.leave();
        resolve(acquired);
      };
      const timer = setTimeout(() => this.#giveUp(waiter), WAIT_MS_MAX);
      const waiter: Waiter = { key, settle };
      this.#waiters.push(waiter);
      this.serveWaiters();
    });
  }

  /** Starts an instance whether or not one is there: for trying whether the version starts. Waits for room on the node. */
  startBesides(): Promise<Instance> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        takeBack();
        reject(new Error("this node has no room for another instance"));
      }, WAIT_MS_MAX);
      const takeBack = this.#parts.capacity.ask(this.spec.organizationId, (place) => {
        clearTimeout(timer);
        this.#start(place).then(resolve, (error: unknown) => {
          this.serveWaiters(); // those who came meanwhile and found it starting
          reject(error instanceof Error ? error : new Error(String(error)));
        });
      });
    });
  }

  /** Gives those who wait what room there is, and asks for another instance where that isn't enough. */
  serveWaiters(): void {
    // Before looking: who leaves from now on says so, and who left before is seen.
    for (const instance of this.instances) instance.account.hasWaiters = this.#waiters.length > 0;
    for (let waiter = this.#waiters[0]; waiter; waiter = this.#waiters[0]) {
      const entered = this.#enter(waiter.key);
      if (!entered) break;
      this.#waiters.shift();
      waiter.settle(entered);
    }
    if (this.#waiters.length > 0) this.#wishForAnother();
    else for (const instance of this.instances) instance.account.hasWaiters = false;
  }

  #wishForAnother(): void {
    const bound = this.spec.limits.instancesMax;
    if (this.#takeBack || this.#starting > 0 || this.#open.length >= bound) return;
    let isGranted = false;
    const takeBack = this.#parts.capacity.ask(this.spec.organizationId, (place) => {
      isGranted = true;
      this.#takeBack = undefined;
      if (this.#waiters.length === 0) return place.release();
      void this.#start(place).catch(() => this.#refuseAll());
    });
    if (!isGranted) this.#takeBack = takeBack;
  }

  async #start(place: Place): Promise<Instance> {
    this.#starting += 1;
    let instance: Instance;
    try {
      const sandbox = await this.#parts.takeSandbox();
      instance = new Instance(this.spec, sandbox, this.#parts);
    } catch (error) {
      place.release();
      throw error;
    } finally {
      this.#starting -= 1;
    }
    instance.serve(this.#isServing);
    this.instances.push(instance);
    this.#parts.onStarted(instance);
    void instance.sandbox.listening.then(() => place.listens());
    void instance.sandbox.exited.then(() => {
      place.release();
      this.#remove(instance);
    });
    this.serveWaiters();
    return instance;
  }

  /** The sandbox host has logged why. Nobody is left waiting for what won't come. */
  #refuseAll(): void {
    for (const waiter of this.#waiters.splice(0)) waiter.settle({ kind: "no_sandbox" });
  }

  #giveUp(waiter: Waiter): void {
    const at = this.#waiters.indexOf(waiter);
    if (at >= 0) this.#waiters.splice(at, 1);
    if (this.#waiters.length === 0) {
      this.#takeBack?.();
      this.#takeBack = undefined;
    }
    waiter.settle(this.#refusal());
  }

  #refusal(): Acquired {
    return { kind: this.#open.length >= this.spec.limits.instancesMax ? "too_many_concurrent" : "overloaded" };
  }

  #enter(key: CallKey): Acquired | undefined {
    for (const instance of this.#open.toSorted((one, other) => one.account.calls - other.account.calls)) {
      const place = instance.account.enter(key);
      if (place === undefined) continue;
      return { kind: "entered", instance, place, isColdStart: !instance.hasListened };
    }
    return undefined;
  }

  get #open(): Instance[] {
    return this.instances.filter((instance) => !instance.account.isClosed);
  }

  #remove(instance: Instance): void {
    const at = this.instances.indexOf(instance);
    if (at >= 0) this.instances.splice(at, 1);
    this.#parts.onEnded(instance);
    this.serveWaiters();
  }
}

function isSame(a: FunctionLimits, b: FunctionLimits): boolean {
  return limitName.options.every((name) => a[name] === b[name]);
}
