import { isUtf8 } from "node:buffer";
import { z } from "zod";
import { recordAudit } from "#server/accounts/audit.ts";
import type { Db } from "#server/db/client.ts";
import { Fault } from "#server/std/fault.ts";
import { BULK_BYTES_MAX, BULK_KEYS_MAX, STORED_BYTES_MAX } from "./bounds.ts";
import type { Editor } from "./edit.ts";
import { checkValue, full, getEntries, noSuchNamespace, SPACE, type NamespaceKey } from "./entries.ts";
import { keyBytes } from "./keys.ts";
import { listKeys, type ListedKey } from "./list.ts";
import { sqlIn, type Sql } from "./sql.ts";

/** A key on a line of its own: text as `value`, other bytes as `base64`; metadata as JSON, expiration in seconds since 1970. */
const entryLine = z
  .object({
    key: z.string(),
    value: z.string().optional(),
    base64: z.base64().optional(),
    metadata: z.unknown().optional(),
    expiration: z.number().int().min(0).max(4_000_000_000_000).nullish(),
  })
  .refine(
    ({ value, base64 }) => (value === undefined) !== (base64 === undefined),
    'needs "value" or "base64", not both',
  );

type ImportRow = { key: string; value: string; metadata: string | null; expires: number | null; size: number };

/** Lines of a namespace's export, in the order of keys. What is written meanwhile may or may not be in it. */
export async function* exportEntries(sql: Sql, of: NamespaceKey): AsyncGenerator<string> {
  let cursor: string | null = "";
  while (cursor !== null) {
    const page: Awaited<ReturnType<typeof listKeys>> = await listKeys(sql, of, { cursor });
    for (const group of groupsOf(page.keys)) {
      const found = await getEntries(
        sql,
        of,
        group.map(({ name }) => name),
      );
      for (const { name, expiresAtS } of group) {
        const entry = found.get(name);
        if (entry) yield lineOf(name, { ...entry, expiresAtS });
      }
    }
    ({ cursor } = page);
  }
}

/** As many at once as may be read at once, and half of the bytes, as values may have grown since. */
function* groupsOf(keys: readonly ListedKey[]): Generator<ListedKey[]> {
  let group: ListedKey[] = [];
  let bytes = 0;
  for (const key of keys) {
    if (group.length === BULK_KEYS_MAX || (group.length > 0 && bytes + key.valueBytes > BULK_BYTES_MAX / 2)) {
      yield group;
      [group, bytes] = [[], 0];
    }
    group.push(key);
    bytes += key.valueBytes;
  }
  if (group.length > 0) yield group;
}

function lineOf(
  key: string,
  { value, metadata, expiresAtS }: { value: Uint8Array; metadata: string | null; expiresAtS: number | null },
): string {
  const bytes = Buffer.from(value);
  return `${JSON.stringify({
    key,
    ...(isUtf8(bytes) ? { value: bytes.toString("utf8") } : { base64: bytes.toString("base64") }),
    ...(metadata === null ? {} : { metadata: JSON.parse(metadata) as unknown }),
    ...(expiresAtS === null ? {} : { expiration: expiresAtS }),
  })}\n`;
}

export type Imported = { written: number; expired: number };

/**
 * Puts the keys of some lines of an import, all of them or, with a fault that names the line, none. `firstLine` is the number
 * that the first has in its file. What has expired meanwhile is left out.
 */
export async function importLines(
  db: Db,
  of: Editor,
  { text, firstLine, nowMs }: { text: string; firstLine: number; nowMs: number },
): Promise<Imported> {
  const rows = new Map<string, ImportRow>();
  let expired = 0;
  for (const [at, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const row = rowOf(line, firstLine + at);
    if (row.expires !== null && row.expires * 1000 <= nowMs) expired += 1;
    else rows.set(row.key, row); // of a key that stands there twice, the later line counts
  }
  if (rows.size > 0)
    await db.$transaction(async (tx) => {
      await putRows(sqlIn(tx), of, [...rows.values()]);
      await recordAudit(tx, {
        organizationId: of.organizationId,
        userId: of.userId,
        action: "kv.keys_imported",
        subject: of.namespaceId,
        detail: { keys: rows.size },
      });
    });
  return { written: rows.size, expired };
}

async function putRows(sql: Sql, of: NamespaceKey, rows: readonly ImportRow[]): Promise<void> {
  const size = rows.reduce((sum, row) => sum + row.size, 0);
  const [outcome] = await sql<{ namespaces: number; written: number }>({
    name: "kv_import",
    text: IMPORT,
    values: [
      of.organizationId,
      of.namespaceId,
      JSON.stringify(rows),
      size,
      STORED_BYTES_MAX.free,
      STORED_BYTES_MAX.pro,
    ],
  });
  if (!outcome || outcome.namespaces === 0) throw noSuchNamespace();
  if (outcome.written === 0) throw full();
}

// In the order of keys, so that two imports at once don't wait for each other in a circle.
const IMPORT = `
  WITH ${SPACE({ size: "$4", free: "$5", pro: "$6" })},
  written AS (
    INSERT INTO kv_entry (namespace_id, key, value, metadata, expires_at, size_bytes)
    SELECT s.id, decode(r.key, 'base64'), decode(r.value, 'base64'), r.metadata, to_timestamp(r.expires), r.size
    FROM space s, json_to_recordset($3::json) AS r(key text, value text, metadata text, expires float8, size int)
    WHERE s.has_room ORDER BY 2
    ON CONFLICT (namespace_id, key) DO UPDATE SET value = excluded.value, metadata = excluded.metadata,
      expires_at = excluded.expires_at, size_bytes = excluded.size_bytes, updated_at = now()
    RETURNING 1
  )
  SELECT (SELECT count(*) FROM space)::int AS namespaces, (SELECT count(*) FROM written)::int AS written`;

function rowOf(line: string, lineNumber: number): ImportRow {
  try {
    const { key, value, base64, metadata, expiration } = entryLine.parse(JSON.parse(line));
    const name = keyBytes(key);
    const bytes = value === undefined ? Buffer.from(base64 ?? "", "base64") : Buffer.from(value, "utf8");
    const metadataText = metadata === undefined || metadata === null ? null : JSON.stringify(metadata);
    checkValue(bytes, metadataText);
    return {
      key: name.toString("base64"),
      value: bytes.toString("base64"),
      metadata: metadataText,
      expires: expiration ?? null,
      size: name.length + bytes.length + (metadataText === null ? 0 : Buffer.byteLength(metadataText)),
    };
  } catch (error) {
    throw new Fault("invalid", `Line ${lineNumber}: ${complaint(error)} Correct it and import the file again.`, {
      field: "file",
      cause: error,
    });
  }
}

function complaint(error: unknown): string {
  if (error instanceof Fault) return error.message;
  if (error instanceof SyntaxError) return "this is not JSON.";
  if (!(error instanceof z.ZodError)) throw error;
  const issue = error.issues[0];
  const where = issue && issue.path.length > 0 ? `"${issue.path.join(".")}": ` : "";
  return `${where}${issue?.message ?? "not of the right form"}.`;
}
