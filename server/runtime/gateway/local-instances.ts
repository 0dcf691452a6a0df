import { Pool } from "undici";
import { CpuAccount, type CallKey } from "#server/runtime/meter/cpu-account.ts";
import { readCpuNs } from "#server/runtime/meter/cpu-clock.ts";
import type { Failure } from "#server/runtime/instances/failure.ts";
import type { InstanceNotice } from "./thread-messages.ts";

/** What a call holds while an instance works on it. */
export type Lease = {
  readonly instance: LocalInstance;
  readonly isColdStart: boolean;
  /** What the call has used so far. */
  usedNs(): number;
  /** The answer is over, or the instance is gone: what the call used in it. Once. */
  leave(): number;
};

/** An exchange that can be told to end, since the instance was replaced long ago. */
export type Expiring = { expire(): void };

export type InstanceDesk = {
  released(instanceId: string): void;
  whyBroken(instanceId: string): Promise<Failure>;
};

type LocalDesk = InstanceDesk & { opened(): void; closed(): void };

/** An instance as one thread of the gateway has it: connections of its own, and the account that all threads share. */
export class LocalInstance {
  readonly id: string;
  readonly versionId: string;
  readonly socketPath: string;
  readonly account: CpuAccount;
  readonly upstream: Pool;
  readonly #desk: LocalDesk;
  readonly #open = new Set<Expiring>();

  constructor(notice: InstanceNotice, desk: LocalDesk) {
    this.id = notice.instanceId;
    this.versionId = notice.versionId;
    this.socketPath = notice.socketPath;
    this.account = new CpuAccount(notice.account, () => readCpuNs(notice.pid));
    this.#desk = desk;
    // No timeouts of the client's own: the gateway holds the limits of the function.
    this.upstream = new Pool("http://function", {
      socketPath: notice.socketPath,
      connections: notice.connectionsMax,
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** A place for a call, or undefined when it is full or ending. */
  enter(key: CallKey): Lease | undefined {
    const isColdStart = !this.account.isListening;
    const place = this.account.enter(key);
    return place === undefined ? undefined : this.lease(place, isColdStart);
  }

  /** Of a place that was taken already. */
  lease(place: number, isColdStart: boolean): Lease {
    return {
      instance: this,
      isColdStart,
      usedNs: () => this.account.usedNs(place),
      leave: () => {
        const cpuNs = this.account.leave(place);
        if (this.account.hasWaiters) this.#desk.released(this.id);
        return cpuNs;
      },
    };
  }

  /** An exchange goes on with this instance, until `close` is called for it. */
  opened(exchange: Expiring): void {
    this.#open.add(exchange);
    this.#desk.opened();
  }

  closed(exchange: Expiring): void {
    if (this.#open.delete(exchange)) this.#desk.closed();
  }

  /** Ends what is still open. */
  expire(): void {
    for (const exchange of this.#open) exchange.expire();
  }

  /** What a caller is told whose connection broke. */
  whyBroken(): Promise<Failure> {
    return this.#desk.whyBroken(this.id);
  }
}

/** The instances to which this thread may send calls, by version. */
export class LocalInstances {
  readonly #desk: LocalDesk;
  #openCount = 0;
  #whenOver: (() => void) | undefined;
  readonly #byId = new Map<string, LocalInstance>();
  readonly #byVersion = new Map<string, LocalInstance[]>();

  constructor(desk: InstanceDesk) {
    this.#desk = {
      ...desk,
      opened: () => void (this.#openCount += 1),
      closed: () => {
        this.#openCount -= 1;
        if (this.#openCount === 0) this.#whenOver?.();
      },
    };
  }

  /** Ends what is still open in any of them. */
  expireAll(): void {
    for (const instance of this.#byId.values()) instance.expire();
  }

  /** Resolves once nothing is being answered. */
  async allAreOver(): Promise<void> {
    if (this.#openCount > 0) await new Promise<void>((resolve) => (this.#whenOver = resolve));
  }

  add(notice: InstanceNotice): void {
    const instance = new LocalInstance(notice, this.#desk);
    this.#byId.set(instance.id, instance);
    const others = this.#byVersion.get(instance.versionId);
    if (others) others.push(instance);
    else this.#byVersion.set(instance.versionId, [instance]);
  }

  get(id: string): LocalInstance | undefined {
    return this.#byId.get(id);
  }

  remove(id: string): void {
    const instance = this.#byId.get(id);
    if (!instance) return;
    this.#byId.delete(id);
    const left = this.#byVersion.get(instance.versionId)?.filter((one) => one !== instance) ?? [];
    if (left.length > 0) this.#byVersion.set(instance.versionId, left);
    else this.#byVersion.delete(instance.versionId);
    void instance.upstream.destroy();
  }

  /** A place in the least busy instance of the version that has one. */
  enter(versionId: string, key: CallKey): Lease | undefined {
    const instances = this.#byVersion.get(versionId);
    if (!instances) return undefined;
    if (instances.length === 1) return instances[0]?.enter(key);
    for (const instance of instances.toSorted((one, other) => one.account.calls - other.account.calls)) {
      const lease = instance.enter(key);
      if (lease) return lease;
    }
    return undefined;
  }
}
