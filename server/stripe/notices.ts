import type { Db } from "#server/db/client.ts";
import { nowOf, type StripeTools } from "./tools.ts";

/** Asks an operator to look at something: on the reconciliation page until it is over, and in the log once. */
export async function raiseNotice(
  tools: Pick<StripeTools, "db" | "clock" | "log">,
  key: string,
  message: string,
): Promise<void> {
  const { count } = await tools.db.stripeNotice.createMany({
    data: [{ key, message, raisedAt: nowOf(tools) }],
    skipDuplicates: true,
  });
  if (count > 0) tools.log.error({ notice: key }, message);
  else await tools.db.stripeNotice.updateMany({ where: { key }, data: { message } });
}

export async function clearNotice(db: Db, key: string): Promise<void> {
  await db.stripeNotice.deleteMany({ where: { key } });
}
