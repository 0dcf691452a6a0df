import { getServerSession, type NextAuthOptions } from "next-auth";
import { isId, type Id } from "#server/std/id.ts";

/** Who sends the request that is being answered, by its session cookie; null when nobody is signed in. */
export async function currentUserId(options: NextAuthOptions): Promise<Id<"user"> | null> {
  const session = await getServerSession(options);
  const userId = session?.userId;
  return userId !== undefined && isId("user", userId) ? userId : null;
}
