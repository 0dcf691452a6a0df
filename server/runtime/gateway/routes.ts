import { Client } from "pg";
import type { PlanName } from "#server/contract/limits.ts";
import { channels } from "#server/contract/notify.ts";
import type { Db } from "#server/db/client.ts";
import { servingFunctions, type ServingFunction } from "#server/functions/serving.ts";
import type { Log } from "#server/std/log.ts";

const RECONNECT_MS = 500;

export type RouteEvents = {
  /** The versions that no deployment names any more, and those that one names now. */
  changed(retired: readonly string[], serving: readonly string[]): void;
  /** Something of an organization changed that its calls are admitted by. */
  budgetChanged(organizationId: string): void;
  /** These names (null: any) may lead elsewhere. Resolves when nobody goes by what was so before. */
  moved(labels: string[] | null): Promise<void>;
};

/**
 * Which function answers for which name: in memory, so that Postgres is not on the path of a request. Changes arrive by
 * NOTIFY; whatever was missed while the connection was away is caught up by a full read after it is back.
 */
export class Routes {
  readonly #db: Db;
  readonly #databaseUrl: string;
  readonly #log: Log;
  readonly #events: RouteEvents;
  readonly #byLabel = new Map<string, ServingFunction>();
  readonly #labelOf = new Map<string, string>();
  #listener: Client | undefined;
  #isClosed = false;
  /** Changes are applied one after the other, so that an older read can't overwrite a newer one. */
  #queue: Promise<void> = Promise.resolve();

  constructor(options: { db: Db; databaseUrl: string; log: Log; events: RouteEvents }) {
    this.#db = options.db;
    this.#databaseUrl = options.databaseUrl;
    this.#log = options.log;
    this.#events = options.events;
  }

  /** Listens, then reads everything: in this order nothing falls between. */
  async open(): Promise<void> {
    const client = new Client({ connectionString: this.#databaseUrl, keepAlive: true });
    client.on("error", (error) => this.#lost(error));
    client.on("end", () => this.#lost(undefined));
    client.on("notification", ({ channel, payload }) => this.#notified(channel, payload ?? ""));
    await client.connect();
    this.#listener = client;
    for (const channel of Object.values(channels)) await client.query(`LISTEN ${channel}`);
    await this.#enqueue(() => this.#readAll());
  }

  /** `label` as "function--organization". */
  find(label: string): ServingFunction | undefined {
    return this.#byLabel.get(label);
  }

  /** The plan that bounds a function's versions; undefined when the function is gone. */
  planOf(functionId: string): PlanName | undefined {
    return this.#byLabel.get(this.#labelOf.get(functionId) ?? "")?.plan;
  }

  get size(): number {
    return this.#byLabel.size;
  }

  get isListening(): boolean {
    return this.#listener !== undefined;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#listener?.end();
  }

  /** Reads one function again: what was committed before the call is served when it resolves. */
  refresh(functionId: string): Promise<void> {
    return this.#enqueue(async () => {
      await this.#events.moved(this.#replace(functionId, (await servingFunctions(this.#db, { functionId }))[0]));
    });
  }

  #notified(channel: string, id: string): void {
    if (channel === channels.function) void this.refresh(id);
    if (channel === channels.organization) {
      this.#events.budgetChanged(id);
      void this.#enqueue(async () => {
        const functions = await servingFunctions(this.#db, { organizationId: id });
        await this.#events.moved(functions.flatMap((one) => this.#replace(one.functionId, one)));
      });
    }
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    this.#queue = this.#queue.then(work).catch((error: unknown) => {
      this.#log.error({ err: error }, "a change of routes could not be read; reading all again");
      setTimeout(() => !this.#isClosed && void this.#enqueue(() => this.#readAll()), RECONNECT_MS).unref();
    });
    return this.#queue;
  }

  async #readAll(): Promise<void> {
    const functions = await servingFunctions(this.#db);
    const present = new Set(functions.map((one) => one.functionId as string));
    for (const id of this.#labelOf.keys()) if (!present.has(id)) this.#replace(id, undefined);
    for (const one of functions) this.#replace(one.functionId, one);
    await this.#events.moved(null);
  }

  /** Returns the names that this may have changed. */
  #replace(functionId: string, now: ServingFunction | undefined): string[] {
    const label = this.#labelOf.get(functionId);
    const found = label === undefined ? undefined : this.#byLabel.get(label);
    // A function of the same name may have come in its place.
    const before = found?.functionId === functionId ? found : undefined;
    if (before && label !== undefined) this.#byLabel.delete(label);
    this.#labelOf.delete(functionId);
    const newLabel = now && `${now.functionName}--${now.organizationSlug}`;
    if (now && newLabel !== undefined) {
      this.#byLabel.set(newLabel, now);
      this.#labelOf.set(functionId, newLabel);
    }
    const serving = now?.shares.map((share) => share.versionId) ?? [];
    const retired = (before?.shares ?? []).map((share) => share.versionId).filter((id) => !serving.includes(id));
    this.#events.changed(retired, serving);
    return [label, newLabel].flatMap((one) => one ?? []);
  }

  #lost(error: Error | undefined): void {
    if (this.#isClosed || !this.#listener) return;
    this.#listener = undefined;
    this.#log.warn({ err: error }, "Postgres is away: routes stay as they are until it is back");
    void this.#reconnect();
  }

  async #reconnect(): Promise<void> {
    while (!this.#isClosed && !this.#listener) {
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
      await this.open().catch((error: unknown) => this.#log.debug({ err: error }, "Postgres is still away"));
    }
    this.#log.info("Postgres is back");
  }
}
