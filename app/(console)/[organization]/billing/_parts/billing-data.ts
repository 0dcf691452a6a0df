import type { inferRouterOutputs } from "@trpc/server";
import type { AppRouter } from "#server/api/root.ts";

type Outputs = inferRouterOutputs<AppRouter>;

export type Overview = Outputs["billing"]["overview"];
export type Bill = Outputs["billing"]["month"];
export type Alerts = Outputs["billing"]["alerts"];
export type InvoiceList = Outputs["invoice"]["list"];
export type Invoice = InvoiceList["invoices"][number];
export type InvoiceLine = Outputs["invoice"]["get"]["lines"][number];
