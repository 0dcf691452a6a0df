import { Fault } from "#server/std/fault.ts";
import type { Id } from "#server/std/id.ts";
import { BULK_BYTES_MAX, BULK_KEYS_MAX, METADATA_BYTES_MAX, STORED_BYTES_MAX, VALUE_BYTES_MAX } from "./bounds.ts";
import { keyBytes } from "./keys.ts";
import type { Sql } from "./sql.ts";

/** Every statement names both: an id of another organization's namespace is as good as none. */
export type NamespaceKey = { organizationId: Id<"organization">; namespaceId: string };

export type Entry = {
  value: Uint8Array;
  /** JSON, as it was given. */
  metadata: string | null;
  expiresAtS: number | null;
};

/** What is not there, and what has expired, is null. */
export async function getEntry(sql: Sql, of: NamespaceKey, key: string): Promise<Entry | null> {
  const [found] = await sql<Entry & { isThere: boolean }>({
    name: "kv_get",
    text: GET,
    values: [of.organizationId, of.namespaceId, keyBytes(key)],
  });
  if (!found) throw noSuchNamespace();
  const { isThere, value, metadata, expiresAtS } = found;
  return isThere ? { value, metadata, expiresAtS } : null;
}

const GET = `
  SELECT e.key IS NOT NULL AS "isThere", e.value, e.metadata, extract(epoch FROM e.expires_at)::float8 AS "expiresAtS"
  FROM kv_namespace n
  LEFT JOIN kv_entry e ON e.namespace_id = n.id AND e.key = $3 AND (e.expires_at IS NULL OR e.expires_at > now())
  WHERE n.id = $2 AND n.organization_id = $1`;

/** Those of the keys that are there, of 100 at most, whose values have 25 MB in all at most. */
export async function getEntries(
  sql: Sql,
  of: NamespaceKey,
  keys: readonly string[],
): Promise<Map<string, Omit<Entry, "expiresAtS">>> {
  if (keys.length > BULK_KEYS_MAX) throw new Fault("invalid", `You can request a maximum of ${BULK_KEYS_MAX} keys`);
  if (keys.length < 1) throw new Fault("invalid", "You must request a minimum of 1 key");
  const rows = await sql<{ key: Uint8Array | null; value: Uint8Array; metadata: string | null; isTooLarge: boolean }>({
    name: "kv_get_many",
    text: GET_MANY,
    values: [of.organizationId, of.namespaceId, keys.map(keyBytes), BULK_BYTES_MAX],
  });
  const [first] = rows;
  if (!first) throw noSuchNamespace();
  if (first.isTooLarge) {
    throw new Fault("too_large", `Total size of request exceeds the limit of ${BULK_BYTES_MAX / 1024 / 1024}MB`);
  }
  const found = new Map<string, Omit<Entry, "expiresAtS">>();
  for (const { key, value, metadata } of rows) if (key) found.set(keyText(key), { value, metadata });
  return found;
}

// Sizes first: a hundred values of 25 MB are never read to be refused.
const GET_MANY = `
  WITH hit AS (
    SELECT key, octet_length(value) AS bytes FROM kv_entry
    WHERE namespace_id = $2 AND key = ANY($3::bytea[]) AND (expires_at IS NULL OR expires_at > now())
  ), total AS (SELECT coalesce(sum(bytes), 0) > $4 AS "isTooLarge" FROM hit)
  SELECT e.key, e.value, e.metadata, t."isTooLarge"
  FROM kv_namespace n CROSS JOIN total t
  LEFT JOIN kv_entry e ON NOT t."isTooLarge" AND e.namespace_id = n.id AND e.key IN (SELECT key FROM hit)
  WHERE n.id = $2 AND n.organization_id = $1`;

export type EntryWrite = { key: string; value: Uint8Array; metadata: string | null; expiresAtS: number | null };

/** Writes a value under a key, whether or not there is one already. What is read from then on is this, on every node. */
export async function putEntry(sql: Sql, of: NamespaceKey, write: EntryWrite): Promise<void> {
  const { key, value, metadata, expiresAtS } = write;
  const bytes = keyBytes(key);
  checkValue(value, metadata);
  const size = bytes.length + value.length + (metadata === null ? 0 : Buffer.byteLength(metadata));
  const [outcome] = await sql<{ namespaces: number; written: number }>({
    name: "kv_put",
    text: PUT,
    values: [
      of.organizationId,
      of.namespaceId,
      bytes,
      value,
      metadata,
      expiresAtS,
      size,
      STORED_BYTES_MAX.free,
      STORED_BYTES_MAX.pro,
    ],
  });
  if (!outcome || outcome.namespaces === 0) throw noSuchNamespace();
  if (outcome.written === 0) throw full();
}

/** The namespaces that a write may go to: none when it is another's, or when the organization has no room for so many bytes more. */
export const SPACE = (parameters: { size: string; free: string; pro: string }): string => `
  space AS (
    SELECT n.id, (
      SELECT coalesce(sum(t.bytes), 0) FROM kv_total t
      JOIN kv_namespace m ON m.id = t.namespace_id WHERE m.organization_id = n.organization_id
    ) + ${parameters.size}::int <= CASE o.plan WHEN 'free' THEN ${parameters.free}::bigint ELSE ${parameters.pro}::bigint END AS has_room
    FROM kv_namespace n JOIN organization o ON o.id = n.organization_id
    WHERE n.id = $2 AND n.organization_id = $1
  )`;

const PUT = `
  WITH ${SPACE({ size: "$7", free: "$8", pro: "$9" })},
  written AS (
    INSERT INTO kv_entry (namespace_id, key, value, metadata, expires_at, size_bytes)
    SELECT id, $3::bytea, $4::bytea, $5::text, to_timestamp($6::float8), $7::int FROM space WHERE has_room
    ON CONFLICT (namespace_id, key) DO UPDATE SET value = excluded.value, metadata = excluded.metadata,
      expires_at = excluded.expires_at, size_bytes = excluded.size_bytes, updated_at = now()
    RETURNING 1
  )
  SELECT (SELECT count(*) FROM space)::int AS namespaces, (SELECT count(*) FROM written)::int AS written`;

/** Whether or not there is such a key. */
export async function deleteEntry(sql: Sql, of: NamespaceKey, key: string): Promise<void> {
  const [outcome] = await sql<{ namespaces: number }>({
    name: "kv_delete",
    text: DELETE,
    values: [of.organizationId, of.namespaceId, keyBytes(key)],
  });
  if (!outcome || outcome.namespaces === 0) throw noSuchNamespace();
}

const DELETE = `
  WITH space AS (SELECT id FROM kv_namespace WHERE id = $2 AND organization_id = $1),
  gone AS (DELETE FROM kv_entry e USING space s WHERE e.namespace_id = s.id AND e.key = $3)
  SELECT count(*)::int AS namespaces FROM space`;

/** Faults say what Workers KV says. Metadata must be JSON, which the door that took it in has made sure of. */
export function checkValue(value: Uint8Array, metadata: string | null): void {
  if (value.length > VALUE_BYTES_MAX) throw valueTooLarge(value.length);
  const metadataBytes = metadata === null ? 0 : Buffer.byteLength(metadata);
  if (metadataBytes > METADATA_BYTES_MAX) {
    const message = `Metadata length of ${metadataBytes} exceeds limit of ${METADATA_BYTES_MAX}.`;
    throw new Fault("too_large", message, { field: "metadata" });
  }
}

export function valueTooLarge(length: number): Fault {
  const message = `Value length of ${length} exceeds limit of ${VALUE_BYTES_MAX}.`;
  return new Fault("too_large", message, { field: "value" });
}

export function keyText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

export function full(): Fault {
  return new Fault(
    "too_large",
    "The organization's keys take all the space that its plan gives them. Delete what is no longer needed.",
  );
}

export function noSuchNamespace(): Fault {
  return new Fault("not_found", "There is no such namespace. It may have been deleted; go back to the list.");
}
