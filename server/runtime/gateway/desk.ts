import type { MessagePort } from "node:worker_threads";
import type { Failure } from "#server/runtime/instances/failure.ts";
import type { PrintedLine } from "#server/runtime/logs/log-collector.ts";
import type { CallKey } from "#server/runtime/meter/cpu-account.ts";
import { LeaseAccount, type Quantities } from "#server/runtime/meter/lease-account.ts";
import type { LeaseOutcome } from "#server/runtime/meter/lease-book.ts";
import { LocalInstances, type Lease } from "./local-instances.ts";
import { RouteCache, type KnownRoute } from "./route-cache.ts";
import { orderToThread, type OrderToThread, type ServedVersion, type WordFromThread } from "./thread-messages.ts";

export type Refusal = "too_many_concurrent" | "overloaded" | "no_sandbox";

type Answer = Extract<OrderToThread, { kind: "found" | "entry" | "failure" | "lease" | "health" }>;

/**
 * Where a thread of the gateway asks the supervisor of instances: who answers for a name, for a place in an instance, why
 * one broke. What it was told it keeps, and what changes it is told.
 */
export class Desk {
  readonly instances: LocalInstances;
  readonly #port: MessagePort;
  readonly #routes: RouteCache;
  readonly #questions = new Map<number, (answer: Answer) => void>();
  #lastId = 0;
  onDrain: (timeMsMax: number) => void = () => undefined;
  onEnd: (timeMsMax: number) => void = () => undefined;

  constructor(port: MessagePort) {
    this.#port = port;
    this.#routes = new RouteCache((label) => this.#find(label));
    this.instances = new LocalInstances({
      released: (instanceId) => this.say({ kind: "released", instanceId }),
      whyBroken: (instanceId) => this.#whyBroken(instanceId),
    });
    port.on("message", (message: unknown) => this.#heard(orderToThread.parse(message)));
  }

  say(word: WordFromThread): void {
    this.#port.postMessage(word);
  }

  /** At once when it is known. */
  route(label: string): KnownRoute | null | Promise<KnownRoute | null> {
    return this.#routes.get(label);
  }

  /** A place in an instance of the version: at once where one has room, else when the supervisor has found or started one. */
  enter(version: ServedVersion, key: CallKey): Lease | Promise<Lease | Refusal> {
    return this.instances.enter(version.versionId, key) ?? this.#askForPlace(version, key);
  }

  async health(path: string): Promise<{ status: number; body: string }> {
    const answer = await this.#ask((id) => ({ kind: "health", id, path }));
    return answer.kind === "health" ? answer : { status: 500, body: "" };
  }

  /** A line in the tenant's log. */
  notice({ organizationId, functionId, versionId }: ServedVersion, line: PrintedLine): void {
    this.say({ kind: "notice", version: { organizationId, functionId, versionId }, line });
  }

  async #find(label: string): Promise<KnownRoute | null> {
    const answer = await this.#ask((id) => ({ kind: "find", id, label }));
    if (answer.kind !== "found" || !answer.route) return null;
    const { rate, lease, organizationId } = answer.route;
    return {
      ...answer.route,
      rateWords: new BigInt64Array(rate),
      leaseSource: { account: new LeaseAccount(lease), ensure: (least) => this.#ensureLease(organizationId, least) },
    };
  }

  async #askForPlace({ versionId, functionId }: ServedVersion, key: CallKey): Promise<Lease | Refusal> {
    const answer = await this.#ask((id) => ({ kind: "enter", id, versionId, functionId, key }));
    if (answer.kind !== "entry") return "overloaded";
    const { entry } = answer;
    if (entry.kind !== "entered") return entry.kind;
    // Told of before the answer, and "gone" can't have come between, or there would be no place in it.
    const instance = this.instances.get(entry.instanceId);
    return instance ? instance.lease(entry.place, entry.isColdStart) : "overloaded";
  }

  async #ensureLease(organizationId: string, least: Quantities): Promise<LeaseOutcome> {
    const answer = await this.#ask((id) => ({ kind: "lease", id, organizationId, least }));
    return answer.kind === "lease" ? answer.outcome : { kind: "unavailable" };
  }

  async #whyBroken(instanceId: string): Promise<Failure> {
    const answer = await this.#ask((id) => ({ kind: "whyBroken", id, instanceId }));
    return answer.kind === "failure"
      ? answer.failure
      : { outcome: "platform_failed", message: "The instance was stopped by the platform. Try again." };
  }

  #ask(question: (id: number) => WordFromThread): Promise<Answer> {
    const id = (this.#lastId += 1);
    return new Promise((resolve) => {
      this.#questions.set(id, resolve);
      this.say(question(id));
    });
  }

  #heard(order: OrderToThread): void {
    switch (order.kind) {
      case "found":
      case "entry":
      case "failure":
      case "lease":
      case "health": {
        const answered = this.#questions.get(order.id);
        this.#questions.delete(order.id);
        return answered?.(order);
      }
      case "instance":
        return this.instances.add(order.instance);
      case "gone":
        return this.instances.remove(order.instanceId);
      case "expire":
        return this.instances.get(order.instanceId)?.expire();
      case "forget":
        this.#routes.forget(order.labels);
        return this.say({ kind: "forgot", id: order.id });
      case "drain":
        return this.onDrain(order.timeMsMax);
      case "end":
        return this.onEnd(order.timeMsMax);
    }
  }
}
