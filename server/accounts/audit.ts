import type { Tx } from "#server/db/client.ts";
import { newId, type Id } from "#server/std/id.ts";

/** Writes down who changed what, in the transaction of the change: one is not there without the other. */
export async function recordAudit(
  tx: Tx,
  entry: {
    /** Null for what is the installation's own, such as its price book. */
    organizationId: Id<"organization"> | null;
    /** Null for what nobody in particular did: a payment that arrived, a month that ended. */
    userId: Id<"user"> | null;
    /** A noun and a verb in the past: "function.deployed". */
    action: string;
    /** The id of what was acted on. */
    subject: string;
    detail?: Record<string, string | number | boolean | null>;
  },
): Promise<void> {
  await tx.auditEntry.create({ data: { id: newId("audit"), ...entry }, select: { id: true } });
}
