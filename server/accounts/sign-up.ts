import { z } from "zod";
import type { Db, Tx } from "#server/db/client.ts";
import type { Clock } from "#server/std/clock.ts";
import { Fault } from "#server/std/fault.ts";
import { newId, type Id } from "#server/std/id.ts";
import { countAttempt } from "./attempt-limit.ts";
import { createOrganization, lockAccounts } from "./organization.ts";
import { checkPassword, hashPassword } from "./password.ts";
import { displayName, emailAddress } from "./profile.ts";

export const signUpRequest = z.object({
  name: displayName,
  email: emailAddress,
  password: z.string(),
  organization: displayName,
});
export type SignUpRequest = z.infer<typeof signUpRequest>;

/** A user, the organization that it owns, and the membership between them: all of it or nothing. */
export async function signUp(
  tools: { db: Db; clock: Clock },
  request: SignUpRequest & { clientAddress: string },
): Promise<{ userId: Id<"user">; organizationId: Id<"organization">; slug: string }> {
  const { name, email, password, organization } = request;
  checkPassword(password, [name, email, organization]);
  await countAttempt(tools, { limit: "signUp", subject: request.clientAddress });
  const passwordHash = await hashPassword(password);
  return tools.db.$transaction(async (tx) => {
    await lockAccounts(tx);
    if (await tx.user.findUnique({ where: { email }, select: { id: true } })) {
      throw new Fault("conflict", "There is already an account with this email. Sign in instead.", { field: "email" });
    }
    const userId = await createUser(tx, { name, email, passwordHash, image: null });
    const { id, slug } = await createOrganization(tx, { userId, name: organization });
    return { userId, organizationId: id, slug };
  });
}

/** Call it under `lockAccounts`: the first user of an installation becomes its operator, and only that one. */
export async function createUser(
  tx: Tx,
  user: { name: string; email: string; passwordHash: string | null; image: string | null },
): Promise<Id<"user">> {
  const id = newId("user");
  const first = await tx.user.findFirst({ select: { id: true } });
  await tx.user.create({ data: { id, ...user, isOperator: first === null }, select: { id: true } });
  return id;
}
