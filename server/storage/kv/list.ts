import { Fault } from "#server/std/fault.ts";
import { LIST_MAX } from "./bounds.ts";
import { keyText, noSuchNamespace, type NamespaceKey } from "./entries.ts";
import { afterPrefix, prefixBytes } from "./keys.ts";
import type { Sql } from "./sql.ts";

export type ListedKey = {
  name: string;
  metadata: string | null;
  expiresAtS: number | null;
  valueBytes: number;
};

/** `cursor` is what the next page begins after; null when this was the last. */
export type KeyPage = { keys: ListedKey[]; cursor: string | null };

/** Keys in the order of their UTF-8 bytes, without values. */
export async function listKeys(
  sql: Sql,
  of: NamespaceKey,
  { prefix = "", limit = LIST_MAX, cursor }: { prefix?: string; limit?: number; cursor?: string | undefined },
): Promise<KeyPage> {
  checkLimit(limit);
  const first = prefixBytes(prefix);
  const after = cursor ? Buffer.concat([cursorBytes(cursor), NEXT]) : first;
  const rows = await sql<Omit<ListedKey, "name"> & { key: Uint8Array | null }>({
    name: "kv_list",
    text: LIST,
    values: [
      of.organizationId,
      of.namespaceId,
      Buffer.compare(after, first) > 0 ? after : first,
      afterPrefix(first),
      limit + 1,
    ],
  });
  if (rows.length === 0) throw noSuchNamespace();
  const keys = rows.flatMap(({ key, ...rest }) => (key ? [{ ...rest, name: keyText(key) }] : []));
  const page = keys.slice(0, limit);
  const last = page.at(-1);
  return { keys: page, cursor: last && keys.length > limit ? Buffer.from(last.name).toString("base64") : null };
}

/** The least that can be put behind a key: the next key there could be. */
const NEXT = Buffer.from([0]);

const LIST = `
  SELECT e.key, e.metadata, extract(epoch FROM e.expires_at)::float8 AS "expiresAtS", e.bytes AS "valueBytes"
  FROM kv_namespace n LEFT JOIN LATERAL (
    SELECT key, metadata, expires_at, octet_length(value) AS bytes FROM kv_entry
    WHERE namespace_id = n.id AND key >= $3 AND key < $4 AND (expires_at IS NULL OR expires_at > now())
    ORDER BY key LIMIT $5
  ) e ON true
  WHERE n.id = $2 AND n.organization_id = $1 ORDER BY e.key`;

function checkLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1) {
    throw new Fault("invalid", `Invalid key_count_limit of ${limit}. Please specify an integer greater than 0.`);
  }
  if (limit > LIST_MAX) {
    throw new Fault("invalid", `Invalid key_count_limit of ${limit}. Please specify an integer less than ${LIST_MAX}.`);
  }
}

function cursorBytes(cursor: string): Buffer {
  const bytes = Buffer.from(cursor, "base64");
  if (bytes.toString("base64") !== cursor) throw new Fault("invalid", "Invalid cursor.");
  return bytes;
}
