import { Worker } from "node:worker_threads";
import type { VersionSpec } from "#server/contract/prepare.ts";
import type { ServingFunction } from "#server/functions/serving.ts";
import type { Health } from "#server/runtime/health.ts";
import type { Fleet } from "#server/runtime/instances/fleet.ts";
import type { Instance } from "#server/runtime/instances/instance.ts";
import type { PrintedLine } from "#server/runtime/logs/log-collector.ts";
import type { LeaseBook } from "#server/runtime/meter/lease-book.ts";
import { Fault } from "#server/std/fault.ts";
import type { Log } from "#server/std/log.ts";
import { isWatchReport } from "#server/std/watch-report.ts";
import { rateMemory } from "./rate.ts";
import type { Routes } from "./routes.ts";
import {
  wordFromThread,
  type Entry,
  type InstanceNotice,
  type OrderToThread,
  type Route,
  type ThreadData,
  type WordFromThread,
} from "./thread-messages.ts";
import type { VersionCache } from "./version-cache.ts";

/** How soon after its connections the end of a process is known. */
const EXIT_MS_MAX = 150;

export type ThreadEvents = {
  written(thread: number, currentSegment: number, lastSeq: number): void;
  canWrite(thread: number, canWrite: boolean): void;
  notice(owner: { organizationId: string; functionId: string; versionId: string }, line: PrintedLine): void;
  /** A thread ended by itself. What its calls held can't be given back, so the process has to end too. */
  died(error: unknown): void;
};

export type ThreadParts = {
  routes: Routes;
  versions: VersionCache;
  fleet: Fleet;
  health: Health;
  leases: LeaseBook;
  events: ThreadEvents;
  log: Log;
};

type Question = Extract<WordFromThread, { kind: "find" | "enter" | "whyBroken" | "lease" | "health" }>;

const questions = new Set<WordFromThread["kind"]>(["find", "enter", "whyBroken", "lease", "health"]);

function isQuestion(word: WordFromThread): word is Question {
  return questions.has(word.kind);
}

/** The gateway's threads, from the supervisor's side: answers what they ask, and tells them what changes. */
export class GatewayThreads {
  readonly #parts: ThreadParts;
  readonly #threads: Worker[] = [];
  /** Who waits for a word of a kind from a thread. */
  readonly #expected = new Map<string, () => void>();
  readonly #rates = new Map<string, SharedArrayBuffer>();
  #lastForget = 0;
  #isEnding = false;

  constructor(parts: ThreadParts) {
    this.#parts = parts;
  }

  /** Starts one thread for each of the data, and resolves when all of them listen. */
  async start(each: readonly ThreadData[]): Promise<void> {
    await Promise.all(each.map((data, index) => this.#startOne(data, index)));
  }

  started(instance: Instance): void {
    this.#tellAll({ kind: "instance", instance: noticeOf(instance) });
  }

  ended(instance: Instance): void {
    this.#tellAll({ kind: "gone", instanceId: instance.id });
  }

  expired(instance: Instance): void {
    this.#tellAll({ kind: "expire", instanceId: instance.id });
  }

  /** Makes all threads ask anew for these names (null: for all); resolves when none uses what it knew. */
  async forget(labels: string[] | null): Promise<void> {
    const id = (this.#lastForget += 1);
    if (labels === null) this.#rates.clear();
    await this.#askAll({ kind: "forget", id, labels }, `forgot ${id}`);
  }

  /** No new connections; what is in flight may finish, within a bound. */
  async drain(timeMsMax: number): Promise<void> {
    await this.#askAll({ kind: "drain", timeMsMax }, "drained");
  }

  /** Every call has its END, or the time is over, and the journals are closed. */
  async end(timeMsMax: number): Promise<void> {
    this.#isEnding = true;
    await this.#askAll({ kind: "end", timeMsMax }, "ended");
  }

  #startOne(data: ThreadData, index: number): Promise<void> {
    const thread = new Worker(new URL("./thread.ts", import.meta.url), {
      workerData: data,
      name: `gateway ${index + 1}`,
    });
    this.#threads[index] = thread;
    thread.once("error", (error) => this.#parts.events.died(error));
    thread.once("exit", () => {
      if (!this.#isEnding) this.#parts.events.died(new Error("a thread of the gateway ended"));
    });
    return new Promise((resolve, reject) => {
      thread.on("message", (message: unknown) => {
        if (isWatchReport(message)) return;
        const word = wordFromThread.parse(message);
        if (word.kind === "listening") return resolve();
        if (word.kind === "failed") return reject(cannotListen(word, data.port));
        this.#heard(word, thread, index);
      });
    });
  }

  #heard(word: Exclude<WordFromThread, { kind: "listening" | "failed" }>, thread: Worker, index: number): void {
    const { events, fleet } = this.#parts;
    if (isQuestion(word)) return void this.#answer(word, thread);
    switch (word.kind) {
      case "released":
        return fleet.released(word.instanceId);
      case "written":
        return events.written(index, word.currentSegment, word.lastSeq);
      case "canWrite":
        return events.canWrite(index, word.canWrite);
      case "notice":
        return events.notice(word.version, word.line);
      case "forgot":
        return this.#expected.get(`${index} forgot ${word.id}`)?.();
      case "drained":
      case "ended":
        return this.#expected.get(`${index} ${word.kind}`)?.();
    }
  }

  /** None of what is called here throws: what goes wrong is itself an answer. */
  async #answer(word: Question, thread: Worker): Promise<void> {
    const { fleet, health, leases } = this.#parts;
    const { id } = word;
    switch (word.kind) {
      case "find":
        return tell(thread, { kind: "found", id, route: await this.#find(word.label) });
      case "enter":
        return tell(thread, { kind: "entry", id, entry: await this.#enter(word) });
      case "whyBroken":
        return tell(thread, { kind: "failure", id, failure: await fleet.whyBroken(word.instanceId, EXIT_MS_MAX) });
      case "lease":
        return tell(thread, { kind: "lease", id, outcome: await leases.ensure(word.organizationId, word.least) });
      case "health":
        return tell(thread, { kind: "health", id, ...health.answer(word.path, "anybody") });
    }
  }

  async #find(label: string): Promise<Route | null> {
    const { routes, fleet, log } = this.#parts;
    const found = routes.find(label);
    if (!found) return null;
    try {
      const specs = await Promise.all(found.shares.map(({ versionId }) => this.#spec(versionId, found.functionId)));
      for (const spec of specs) if (spec) fleet.follow(spec);
      const shares = found.shares.flatMap(({ percent }, at) => shareOf(specs[at], percent));
      return shares.length === 0
        ? null
        : {
            functionId: found.functionId,
            organizationId: found.organizationId,
            lease: this.#parts.leases.account(found.organizationId).memory,
            stoppedBecause: found.stoppedBecause,
            shares,
            rate: this.#rateOf(found),
          };
    } catch (error) {
      log.error({ err: error }, "a version could not be read");
      return null;
    }
  }

  /** One for each function that was asked for, for as long as it is deployed. */
  #rateOf({ functionId }: ServingFunction): SharedArrayBuffer {
    const known = this.#rates.get(functionId) ?? rateMemory();
    this.#rates.set(functionId, known);
    return known;
  }

  /** A version as the plan of its organization bounds it now. One whose function is gone has what every plan allows. */
  async #spec(versionId: string, functionId: string): Promise<VersionSpec | null> {
    const { routes, versions } = this.#parts;
    for (;;) {
      const plan = routes.planOf(functionId) ?? "free";
      const spec = await versions.get(versionId, plan);
      if (plan === (routes.planOf(functionId) ?? "free")) return spec;
    }
  }

  async #enter({ versionId, functionId, key }: Extract<WordFromThread, { kind: "enter" }>): Promise<Entry> {
    const { fleet, log } = this.#parts;
    try {
      const spec = await this.#spec(versionId, functionId);
      if (!spec) return { kind: "no_sandbox" };
      const acquired = await fleet.pool(spec).acquire(key);
      if (acquired.kind !== "entered") return acquired;
      const { instance, place, isColdStart } = acquired;
      return { kind: "entered", instanceId: instance.id, place, isColdStart };
    } catch (error) {
      log.error({ err: error }, "a version could not be read");
      return { kind: "no_sandbox" };
    }
  }

  #tellAll(order: OrderToThread): void {
    for (const thread of this.#threads) tell(thread, order);
  }

  async #askAll(order: OrderToThread, answer: string): Promise<void> {
    const answers = this.#threads.map(async (_, index) => {
      const key = `${index} ${answer}`;
      await new Promise<void>((resolve) => this.#expected.set(key, resolve));
      this.#expected.delete(key);
    });
    this.#tellAll(order);
    await Promise.all(answers);
  }
}

function tell(thread: Worker, order: OrderToThread): void {
  thread.postMessage(order);
}

function shareOf(spec: VersionSpec | null | undefined, percent: number): Route["shares"] {
  if (!spec) return [];
  const { versionId, functionId, organizationId, number, limits } = spec;
  return [{ version: { versionId, functionId, organizationId, number, limits }, percent }];
}

function noticeOf(instance: Instance): InstanceNotice {
  return {
    instanceId: instance.id,
    versionId: instance.spec.versionId,
    pid: instance.sandbox.pid,
    socketPath: instance.sandbox.inSocketPath,
    connectionsMax: instance.spec.limits.concurrencyPerInstanceMax,
    account: instance.account.memory,
  };
}

function cannotListen({ code, message }: Extract<WordFromThread, { kind: "failed" }>, port: number): Error {
  if (code !== "EADDRINUSE") return new Error(`the gateway can't listen on port ${port}: ${message}`);
  return new Fault("conflict", `Port ${port} is in use. Stop what uses it, or set GATEWAY_PORT to another port.`);
}
