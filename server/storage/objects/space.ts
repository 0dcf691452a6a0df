import type { Db } from "#server/db/client.ts";
import type { Id } from "#server/std/id.ts";
import type { IncomingBytes } from "./body-check.ts";
import { refusal } from "./refusal.ts";

const GB = 1024 ** 3;

/**
 * What all buckets of an organization may hold by its plan, parts of unfinished uploads included: a wall for the disk until
 * stored bytes are metered and bounded by the budget.
 */
const STORED_BYTES_MAX = { free: GB, pro: 10 * GB } as const;

export type SpaceBounds = { readonly free: number; readonly pro: number };

/** The room that organizations have for objects, and what is on its way into it through this process. */
export class Space {
  readonly #db: Db;
  readonly #bounds: SpaceBounds;
  readonly #underWay = new Map<string, number>();

  constructor(db: Db, bounds: SpaceBounds = STORED_BYTES_MAX) {
    this.#db = db;
    this.#bounds = bounds;
  }

  /**
   * The same body, which breaks off with the refusal `no_space` where the organization has no room for more of it. What
   * comes in at the same time counts; what takes an object's place needs room beside it first. Bodies whose rows are being
   * written may pass the bound by what they write.
   */
  bounded(organizationId: Id<"organization">, body: IncomingBytes): IncomingBytes {
    return { ...body, chunks: this.#within(organizationId, body.chunks) };
  }

  async *#within(organizationId: Id<"organization">, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const room = await this.#room(organizationId);
    let taken = 0;
    try {
      for await (const chunk of chunks) {
        taken += chunk.length;
        const underWay = this.#move(organizationId, chunk.length);
        if (underWay > room) throw refusal("no_space");
        yield chunk;
      }
    } finally {
      this.#move(organizationId, -taken);
    }
  }

  #move(organizationId: string, bytes: number): number {
    const now = (this.#underWay.get(organizationId) ?? 0) + bytes;
    if (now === 0) this.#underWay.delete(organizationId);
    else this.#underWay.set(organizationId, now);
    return now;
  }

  async #room(organizationId: Id<"organization">): Promise<number> {
    const [organization, buckets, parts] = await Promise.all([
      this.#db.organization.findUnique({ where: { id: organizationId }, select: { plan: true } }),
      this.#db.bucket.aggregate({ where: { organizationId }, _sum: { storedBytes: true } }),
      this.#db.multipartPart.aggregate({
        where: { upload: { organizationId, completedAt: null } },
        _sum: { sizeBytes: true },
      }),
    ]);
    const stored = (buckets._sum.storedBytes ?? 0n) + (parts._sum.sizeBytes ?? 0n);
    return this.#bounds[organization?.plan ?? "free"] - Number(stored);
  }
}
