import { namespaceById } from "#server/storage/kv/namespaces.ts";
import { exportEntries } from "#server/storage/kv/ndjson.ts";
import { sqlOf } from "#server/storage/kv/sql.ts";
import { allowedMember } from "./allowed-member.ts";
import type { Context } from "./context.ts";
import { refusedDownload, streamOf } from "./downloads.ts";

/** A namespace as NDJSON, for somebody who may read it; everybody else gets the refusal that a procedure would give. */
export async function downloadKeys(
  ctx: Context,
  { organizationSlug, namespaceId }: { organizationSlug: string; namespaceId: string },
): Promise<Response> {
  try {
    const permission = "storage:read";
    const { organization } = await allowedMember(ctx.db, { userId: ctx.userId, organizationSlug, permission });
    const of = { organizationId: organization.id, namespaceId };
    const { name } = await namespaceById(ctx.db, of);
    const fileName = `${name.replaceAll(/[^A-Za-z0-9._-]+/g, "-")}.ndjson`;
    return new Response(await streamOf(exportEntries(sqlOf(ctx.db), of)), {
      headers: {
        "content-type": "application/x-ndjson; charset=utf-8",
        "content-disposition": `attachment; filename="${fileName}"`,
        "cache-control": "private, no-store",
      },
    });
  } catch (thrown) {
    return refusedDownload(thrown);
  }
}
