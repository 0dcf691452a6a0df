import { z } from "zod";
import { Fault } from "#server/std/fault.ts";

/**
 * draft: its month is over, and not all of its hours are sealed yet. open: issued, and to be paid. held: issued, but the
 * provider's sum is another one; nobody is asked to pay until an operator has looked. paid, void and uncollectible are settled.
 */
export const invoiceState = z.enum(["draft", "held", "open", "paid", "void", "uncollectible"]);
export type InvoiceState = z.infer<typeof invoiceState>;

const next: Record<InvoiceState, readonly InvoiceState[]> = {
  draft: ["open", "paid", "held"],
  held: ["open", "void"],
  open: ["paid", "void", "uncollectible", "held"],
  uncollectible: ["paid", "void"],
  paid: [],
  void: [],
};

/** Throws a fault when an invoice in one state can't come into another. */
export function checkStep(from: InvoiceState, to: InvoiceState, number: string | null): void {
  if (next[from].includes(to)) return;
  throw new Fault("conflict", `Invoice ${number ?? "without a number"} is ${from}; it can't become ${to}.`);
}
