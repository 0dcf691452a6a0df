import type { Db } from "#server/db/client.ts";
import { Fault } from "#server/std/fault.ts";
import type { Id } from "#server/std/id.ts";

export type CurrentUser = { name: string; email: string; isOperator: boolean };

/** A session outlives its user; a user that is gone is nobody signed in. */
export async function currentUser(db: Db, userId: Id<"user">): Promise<CurrentUser> {
  const user = await db.user.findUnique({
    where: { id: userId },
    select: { name: true, email: true, isOperator: true },
  });
  if (!user) throw new Fault("not_signed_in", "Sign in first.");
  return user;
}
