import { z } from "zod";
import { membershipsOf } from "#server/accounts/membership.ts";
import { addOrganization, listMembers, renameOrganization } from "#server/accounts/organization.ts";
import { displayName } from "#server/accounts/profile.ts";
import { isAllowed } from "#server/accounts/roles.ts";
import { currentUser } from "#server/accounts/user.ts";
import { keepBudget } from "#server/billing/budget-keeper.ts";
import { functionUrl } from "#server/env.ts";
import { organizationProcedure, router, signedInProcedure } from "./trpc.ts";

export const organizationRouter = router({
  /** Who is signed in, and where that person is a member. */
  mine: signedInProcedure.query(async ({ ctx }) => ({
    user: await currentUser(ctx.db, ctx.userId),
    memberships: await membershipsOf(ctx.db, ctx.userId),
  })),

  create: signedInProcedure.input(z.object({ organization: displayName })).mutation(async ({ ctx, input }) => {
    const organization = await addOrganization(ctx.db, { userId: ctx.userId, name: input.organization });
    await keepBudget(ctx, organization.id);
    return organization;
  }),

  get: organizationProcedure("organization:read").query(({ ctx }) => {
    const { organization, role, env } = ctx;
    const { slug } = organization;
    return {
      ...organization,
      role,
      canRename: isAllowed(role, "organization:write"),
      addresses: {
        console: new URL(slug, env.NEXTAUTH_URL).href,
        functions: functionUrl(env, { functionName: "<function>", organizationSlug: slug }),
      },
    };
  }),

  members: organizationProcedure("members:read").query(({ ctx }) => listMembers(ctx.db, ctx.organization.id)),

  rename: organizationProcedure("organization:write")
    .input(z.object({ name: displayName }))
    .mutation(({ ctx, input }) =>
      renameOrganization(ctx.db, { organizationId: ctx.organization.id, userId: ctx.userId, name: input.name }),
    ),
});
