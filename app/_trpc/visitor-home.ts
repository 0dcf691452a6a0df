import { TRPCError } from "@trpc/server";
import type { createCaller } from "#server/api/root.ts";

/** Where a visitor belongs: the first organization, the page that makes one, or null when nobody is signed in. */
export async function visitorHome(api: ReturnType<typeof createCaller>): Promise<string | null> {
  try {
    const { memberships } = await api.organization.mine();
    const first = memberships[0];
    return first ? `/${first.organization.slug}` : "/new";
  } catch (thrown) {
    if (thrown instanceof TRPCError && thrown.code === "UNAUTHORIZED") return null;
    throw thrown;
  }
}
