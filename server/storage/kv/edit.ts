import { recordAudit } from "#server/accounts/audit.ts";
import type { Db } from "#server/db/client.ts";
import { Fault } from "#server/std/fault.ts";
import type { Id } from "#server/std/id.ts";
import { deleteEntry, getEntry, putEntry, type EntryWrite, type NamespaceKey } from "./entries.ts";
import { expiresAtS } from "./expiration.ts";
import { sqlIn } from "./sql.ts";

/** What a person does by hand, which is written down; functions write too often for that. */
export type Editor = NamespaceKey & { userId: Id<"user"> };

export type Edit = Pick<EntryWrite, "key" | "value" | "metadata"> & {
  /** Seconds since 1970; null: for ever. One that stays as it was may be near. */
  expiresAtS: number | null;
  /** Refused when the key is there already: adding must not write over what one hasn't seen. */
  isNew: boolean;
};

/** Puts a value by hand. Metadata must be JSON; the fault says so at its field. */
export async function editEntry(db: Db, of: Editor, edit: Edit, nowMs: number): Promise<void> {
  const metadata = metadataText(edit.metadata);
  await db.$transaction(async (tx) => {
    const sql = sqlIn(tx);
    const before = await getEntry(sql, of, edit.key);
    if (edit.isNew && before) {
      throw new Fault("conflict", "There is already such a key. Open it to edit it, or choose another.", {
        field: "key",
      });
    }
    const keepsExpiry = before !== null && before.expiresAtS === edit.expiresAtS;
    const expiry =
      edit.expiresAtS === null || keepsExpiry
        ? edit.expiresAtS
        : expiresAtS({ expiration: String(edit.expiresAtS) }, nowMs);
    await putEntry(sql, of, { key: edit.key, value: edit.value, metadata, expiresAtS: expiry });
    await recordAudit(tx, {
      organizationId: of.organizationId,
      userId: of.userId,
      action: before ? "kv.key_changed" : "kv.key_added",
      subject: of.namespaceId,
      detail: { key: withoutNul(edit.key) },
    });
  });
}

/** Deletes a key by hand. */
export async function removeEntry(db: Db, of: Editor, key: string): Promise<void> {
  await db.$transaction(async (tx) => {
    await deleteEntry(sqlIn(tx), of, key);
    await recordAudit(tx, {
      organizationId: of.organizationId,
      userId: of.userId,
      action: "kv.key_deleted",
      subject: of.namespaceId,
      detail: { key: withoutNul(key) },
    });
  });
}

/** Postgres's JSON has no NUL. */
function withoutNul(key: string): string {
  return key.replaceAll("\0", "\uFFFD");
}

function metadataText(text: string | null): string | null {
  if (text === null || text.trim() === "") return null;
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    throw new Fault("invalid", 'Metadata is JSON. Text stands in quotes: "like this".', { field: "metadata" });
  }
}
