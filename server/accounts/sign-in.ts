import type { Db } from "#server/db/client.ts";
import type { Clock } from "#server/std/clock.ts";
import { asId, type Id } from "#server/std/id.ts";
import { countAttempt, dropOldAttempts, forgiveAttempt } from "./attempt-limit.ts";
import { isPassword } from "./password.ts";
import { emailAddress } from "./profile.ts";

export type SignedIn = { id: Id<"user">; name: string; email: string };

/** The user behind an email and a password, or null without saying which of them was wrong. A fault after too many attempts. */
export async function signIn(
  tools: { db: Db; clock: Clock },
  request: { email: string; password: string; clientAddress: string },
): Promise<SignedIn | null> {
  const { db } = tools;
  const fromAddress = await countAttempt(tools, { limit: "address", subject: request.clientAddress });
  const email = emailAddress.safeParse(request.email).data ?? "";
  const forEmail = await countAttempt(tools, { limit: "email", subject: email });
  const user = await db.user.findUnique({
    where: { email },
    select: { id: true, name: true, email: true, passwordHash: true },
  });
  const isRight = await isPassword(request.password, user?.passwordHash ?? null);
  if (!user || !isRight) return null;
  await Promise.all([forgiveAttempt(db, fromAddress), forgiveAttempt(db, forEmail), dropOldAttempts(tools)]);
  return { id: asId("user", user.id), name: user.name, email: user.email };
}
