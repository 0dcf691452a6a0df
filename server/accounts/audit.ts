import type { Tx } from "#server/db/client.ts";
import { newId, type Id } from "#server/std/id.ts";

/** Writes down who changed what, in the transaction of the change: one is not there without the other. */
export async function recordAudit(
  tx: Tx,
  entry: {
    organizationId: Id<"organization">;
    userId: Id<"user">;
    /** A noun and a verb in the past: "function.deployed". */
    action: string;
    /** The id of what was acted on. */
    subject: string;
    detail?: Record<string, string | number | boolean | null>;
  },
): Promise<void> {
  await tx.auditEntry.create({ data: { id: newId("audit"), ...entry }, select: { id: true } });
}
