import type { VersionSpec } from "#server/contract/prepare.ts";
import type { Db } from "#server/db/client.ts";
import { versionToRun } from "#server/functions/serving.ts";

const CACHED_BYTES_MAX = 128 * 1024 * 1024;

/** Versions by id, the most recently used kept in memory: bundles are only needed when an instance starts. */
export class VersionCache {
  readonly #db: Db;
  readonly #specs = new Map<string, VersionSpec>();
  readonly #loading = new Map<string, Promise<VersionSpec | null>>();
  #bytes = 0;

  constructor(db: Db) {
    this.#db = db;
  }

  /** At once when it is known. */
  get(versionId: string): VersionSpec | Promise<VersionSpec | null> {
    const known = this.#specs.get(versionId);
    if (known) return known;
    const loading = this.#loading.get(versionId) ?? this.#load(versionId);
    this.#loading.set(versionId, loading);
    return loading;
  }

  put(spec: VersionSpec): void {
    if (this.#specs.has(spec.versionId)) return;
    this.#specs.set(spec.versionId, spec);
    this.#bytes += spec.bundle.length;
    for (const [id, oldest] of this.#specs) {
      if (this.#bytes <= CACHED_BYTES_MAX || id === spec.versionId) break;
      this.#specs.delete(id);
      this.#bytes -= oldest.bundle.length;
    }
  }

  async #load(versionId: string): Promise<VersionSpec | null> {
    try {
      const spec = await versionToRun(this.#db, versionId);
      if (spec) this.put(spec);
      return spec;
    } finally {
      this.#loading.delete(versionId);
    }
  }
}
