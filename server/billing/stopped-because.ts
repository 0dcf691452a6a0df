import type { Db } from "#server/db/client.ts";
import { budgetState } from "#server/metering/budget.ts";
import { refusalWords } from "#server/metering/refusal-words.ts";
import type { Id } from "#server/std/id.ts";

/** Why an organization's functions do not answer, in the words that their callers read; null while they may answer. */
export async function stoppedBecause(db: Db, organizationId: Id<"organization">): Promise<string | null> {
  const { verdict, budget, used, refused } = await budgetState(db, organizationId);
  if (verdict.state === "stopped") return verdict.reason;
  if (!refused) return null;
  return refusalWords({ because: "used_up", reason: "", budget, used, least: refused });
}
