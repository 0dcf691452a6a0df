import type { PlanName } from "#server/contract/limits.ts";
import type { VersionSpec } from "#server/contract/prepare.ts";
import type { Db } from "#server/db/client.ts";
import { versionToRun } from "#server/functions/serving.ts";

const CACHED_BYTES_MAX = 128 * 1024 * 1024;

/**
 * Versions by id and plan, the most recently used kept in memory: bundles are only needed when an instance starts. A
 * version never changes, but its limits are within the plan's: on another plan it is read anew.
 */
export class VersionCache {
  readonly #db: Db;
  readonly #specs = new Map<string, VersionSpec>();
  readonly #loading = new Map<string, Promise<VersionSpec | null>>();
  #bytes = 0;

  constructor(db: Db) {
    this.#db = db;
  }

  /** At once when it is known. */
  get(versionId: string, plan: PlanName): VersionSpec | Promise<VersionSpec | null> {
    const key = keyOf({ versionId, plan });
    const known = this.#specs.get(key);
    if (known) return known;
    const loading = this.#loading.get(key) ?? this.#load(versionId, key);
    this.#loading.set(key, loading);
    return loading;
  }

  put(spec: VersionSpec): void {
    const key = keyOf(spec);
    if (this.#specs.has(key)) return;
    this.#specs.set(key, spec);
    this.#bytes += spec.bundle.length;
    for (const [oldestKey, oldest] of this.#specs) {
      if (this.#bytes <= CACHED_BYTES_MAX || oldestKey === key) break;
      this.#specs.delete(oldestKey);
      this.#bytes -= oldest.bundle.length;
    }
  }

  async #load(versionId: string, key: string): Promise<VersionSpec | null> {
    try {
      const spec = await versionToRun(this.#db, versionId);
      if (spec) this.put(spec);
      return spec;
    } finally {
      this.#loading.delete(key);
    }
  }
}

function keyOf({ versionId, plan }: Pick<VersionSpec, "versionId" | "plan">): string {
  return `${versionId} ${plan}`;
}
