import { z } from "zod";
import { customerOf } from "./customers.ts";
import type { Endpoints } from "./endpoints.ts";
import { emit } from "./events.ts";
import { invoiceAnswer } from "./invoice-answer.ts";
import { pendingLine } from "./invoice-lines.ts";
import { bigInteger, flag, integer, listAnswer, metadata, page, pageOf, read, text } from "./reading.ts";
import { missing, Refusal } from "./refusal.ts";
import type { Wire } from "./shape.ts";
import type { Invoice, InvoiceItem, World } from "./world.ts";

function invoiceItemAnswer(item: InvoiceItem): { [name: string]: Wire } {
  return {
    id: item.id,
    object: "invoiceitem",
    amount: Number(item.cents),
    currency: "usd",
    customer: item.customer,
    date: item.created,
    description: item.description,
    invoice: item.invoice,
    livemode: false,
    metadata: item.metadata,
    period: { start: item.start, end: item.end },
    proration: item.isProration,
    quantity: 1,
  };
}

export function addInvoiceItem(world: World, given: Omit<InvoiceItem, "id" | "created" | "invoice">): InvoiceItem {
  const item: InvoiceItem = { ...given, id: world.newId("ii"), created: world.now, invoice: null };
  world.invoiceItems.set(item.id, item);
  emit(world, "invoiceitem.created", invoiceItemAnswer(item));
  return item;
}

/** An item can be put on an invoice that is a draft still. */
function draftOf(world: World, id: string): Invoice {
  const invoice = world.invoices.get(id);
  if (!invoice) throw missing("invoice", id, "invoice");
  if (invoice.status !== "draft")
    throw new Refusal(400, "The specified invoice is finalized and can't take further items.", { param: "invoice" });
  return invoice;
}

export const invoiceItemEndpoints: Endpoints = {
  "POST /v1/invoiceitems": ({ world, form }) => {
    const given = read(form, {
      customer: text,
      amount: bigInteger,
      currency: z.literal("usd"),
      description: text.optional(),
      metadata: metadata.optional(),
      period: z.strictObject({ start: integer, end: integer }).optional(),
      subscription: text.optional(),
      invoice: text.optional(),
    });
    customerOf(world, given.customer);
    const draft = given.invoice === undefined ? undefined : draftOf(world, given.invoice);
    const item = addInvoiceItem(world, {
      customer: given.customer,
      subscription: given.subscription ?? null,
      cents: given.amount,
      description: given.description ?? null,
      metadata: given.metadata ?? {},
      start: given.period?.start ?? world.now,
      end: given.period?.end ?? world.now,
      isProration: false,
    });
    if (draft) {
      item.invoice = draft.id;
      draft.lines.push(pendingLine(item));
      emit(world, "invoice.updated", invoiceAnswer(world, draft));
    }
    return invoiceItemAnswer(item);
  },
  "GET /v1/invoiceitems": ({ world, form }) => {
    const given = read(form, {
      ...page,
      customer: text.optional(),
      pending: flag.optional(),
      invoice: text.optional(),
    });
    const all = [...world.invoiceItems.values()].filter(
      (one) =>
        (given.customer === undefined || one.customer === given.customer) &&
        (given.invoice === undefined || one.invoice === given.invoice) &&
        (given.pending === undefined || (one.invoice === null) === given.pending),
    );
    const { items, hasMore } = pageOf(all.toReversed(), given);
    return listAnswer(items.map(invoiceItemAnswer), "/v1/invoiceitems", hasMore);
  },
};
