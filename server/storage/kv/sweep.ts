import { poolOf, type Db } from "#server/db/client.ts";

/** Rows of one statement, so that none holds locks or fills the log of Postgres for long. */
const ROWS_AT_ONCE = 500;
const STATEMENTS_MAX = 40;

export type Swept = { expired: number; orphaned: number };

/**
 * Removes what nobody can read any more: entries that have expired, and those of namespaces that were deleted. Bounded in
 * what one run does; what is left is the next one's. Several may run at once: each passes over rows that another holds.
 */
export async function sweepKeys(db: Db): Promise<Swept> {
  const expired = await removeAll(db, EXPIRED);
  const orphaned = await removeAll(db, ORPHANED);
  await poolOf(db).query(EMPTY_TOTALS);
  return { expired, orphaned };
}

async function removeAll(db: Db, statement: string): Promise<number> {
  let removed = 0;
  for (let turn = 0; turn < STATEMENTS_MAX; turn += 1) {
    const { rowCount } = await poolOf(db).query(statement, [ROWS_AT_ONCE]);
    removed += rowCount ?? 0;
    if ((rowCount ?? 0) < ROWS_AT_ONCE) break;
  }
  return removed;
}

// Looked at again as it is deleted: it may have been written anew since it was found.
const EXPIRED = `
  DELETE FROM kv_entry WHERE expires_at <= now() AND (namespace_id, key) IN (
    SELECT namespace_id, key FROM kv_entry WHERE expires_at <= now() LIMIT $1 FOR UPDATE SKIP LOCKED
  )`;

/** A namespace that is gone is known by its totals, which are there as long as anything is in it. */
const ORPHANED = `
  DELETE FROM kv_entry WHERE (namespace_id, key) IN (
    SELECT e.namespace_id, e.key FROM (
      SELECT DISTINCT namespace_id FROM kv_total t
      WHERE NOT EXISTS (SELECT 1 FROM kv_namespace n WHERE n.id = t.namespace_id)
    ) gone JOIN kv_entry e ON e.namespace_id = gone.namespace_id LIMIT $1 FOR UPDATE OF e SKIP LOCKED
  )`;

/** A write that came to its namespace as that was deleted makes its total anew, and is found by it. */
const EMPTY_TOTALS = `
  DELETE FROM kv_total t
  WHERE NOT EXISTS (SELECT 1 FROM kv_namespace n WHERE n.id = t.namespace_id)
    AND NOT EXISTS (SELECT 1 FROM kv_entry e WHERE e.namespace_id = t.namespace_id)`;
