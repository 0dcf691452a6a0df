import { z } from "zod";
import { isAllowed } from "#server/accounts/roles.ts";
import { hourPage, invoiceList, invoicePage, linePage } from "#server/billing/invoice-pages.ts";
import { organizationProcedure, router } from "./trpc.ts";

const number = z.string().max(40);

export const invoiceRouter = router({
  list: organizationProcedure("billing:read").query(({ ctx }) => invoiceList(ctx.db, ctx.organization.id)),

  get: organizationProcedure("billing:read")
    .input(z.object({ number }))
    .query(({ ctx, input }) => invoicePage(ctx.db, { organizationId: ctx.organization.id, number: input.number })),

  /** A line, down to the hours that it stands for. */
  line: organizationProcedure("billing:read")
    .input(z.object({ number, position: z.number().int().min(1).max(1000) }))
    .query(({ ctx, input }) =>
      linePage(ctx.db, { organizationId: ctx.organization.id, number: input.number, position: input.position }),
    ),

  /** An hour, down to its requests. Their paths are the functions' business: the role billing sees what they cost. */
  hour: organizationProcedure("billing:read")
    .input(
      z.object({
        number,
        hourAt: z.date(),
        afterKey: z
          .string()
          .regex(/^\d{1,18}\.\d{1,18}$/)
          .nullable(),
      }),
    )
    .query(async ({ ctx, input }) => {
      const page = await hourPage(ctx.db, { ...input, organizationId: ctx.organization.id });
      if (isAllowed(ctx.role, "functions:read")) return page;
      return { ...page, facts: page.facts.map((fact) => ({ ...fact, path: null })) };
    }),
});
