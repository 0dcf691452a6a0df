import type { Db } from "#server/db/client.ts";
import { asId, type Id } from "#server/std/id.ts";
import { lockAccounts } from "./organization.ts";
import { displayName, emailAddress } from "./profile.ts";
import { createUser } from "./sign-up.ts";

export type ProviderProfile = {
  provider: string;
  providerAccountId: string;
  name: string;
  email: string;
  image: string | null;
};

export type ProviderSignIn =
  | { kind: "signed_in"; userId: Id<"user"> }
  /** An account with a password has that email. It is not joined: whoever made it may not be who owns the email. */
  | { kind: "email_taken" }
  | { kind: "no_email" };

/** The user of an outside account, made at its first sign-in; an organization is made on a page of its own afterwards. */
export async function signInWithProvider(db: Db, profile: ProviderProfile): Promise<ProviderSignIn> {
  const { provider, providerAccountId } = profile;
  const email = emailAddress.safeParse(profile.email);
  return db.$transaction(async (tx): Promise<ProviderSignIn> => {
    await lockAccounts(tx);
    const identity = await tx.identity.findUnique({
      where: { provider_providerAccountId: { provider, providerAccountId } },
      select: { userId: true },
    });
    if (identity) return { kind: "signed_in", userId: asId("user", identity.userId) };
    if (!email.success) return { kind: "no_email" };
    if (await tx.user.findUnique({ where: { email: email.data }, select: { id: true } }))
      return { kind: "email_taken" };
    const name = displayName.safeParse(profile.name).data ?? email.data;
    const userId = await createUser(tx, { name, email: email.data, passwordHash: null, image: profile.image });
    await tx.identity.create({ data: { provider, providerAccountId, userId }, select: { userId: true } });
    return { kind: "signed_in", userId };
  });
}
