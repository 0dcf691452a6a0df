import { z } from "zod";
import { customerOf } from "./customers.ts";
import type { Call, Endpoints } from "./endpoints.ts";
import { emit } from "./events.ts";
import { invoiceAnswer, lineAnswer, linesOf } from "./invoice-answer.ts";
import { collect, draftInvoice, finalize, settleSubscription } from "./invoice-life.ts";
import { cycleLines, monthAround, pendingItems, pendingLine } from "./invoice-lines.ts";
import { expand, flag, integer, listAnswer, mergeMetadata, metadata, page, pageOf, read, text } from "./reading.ts";
import { missing, NotModelled, Refusal } from "./refusal.ts";
import type { Wire } from "./shape.ts";
import type { Invoice, World } from "./world.ts";

function invoiceOf(world: World, id: string): Invoice {
  const invoice = world.invoices.get(id);
  if (!invoice) throw missing("invoice", id);
  return invoice;
}

function preview({ world, form }: Call): { [name: string]: Wire } {
  const given = read(form, {
    customer: text.optional(),
    subscription: text.optional(),
    preview_mode: z.enum(["next", "recurring"]).optional(),
    expand,
  });
  const subscription = [...world.subscriptions.values()].find(
    (one) =>
      one.id === given.subscription ||
      (given.subscription === undefined && one.customer === given.customer && one.status !== "canceled"),
  );
  if (!subscription || subscription.status === "canceled")
    throw missing("upcoming invoices for customer", given.customer ?? "", "customer");
  const end = subscription.items[0]?.periodEnd ?? monthAround(world.now).end;
  const start = subscription.items[0]?.periodStart ?? world.now;
  const invoice: Invoice = {
    id: "upcoming_in_preview",
    customer: subscription.customer,
    subscription: subscription.id,
    reason: "subscription_cycle",
    lines: cycleLines(world, subscription, end),
    periodStart: start,
    periodEnd: end,
    created: end,
    status: "draft",
    autoAdvance: false,
    finalizesAt: null,
    finalizedAt: null,
    paidAt: null,
    number: null,
    attempts: 0,
    nextAttemptAt: null,
    metadata: {},
    createdEvent: "",
  };
  return { ...invoiceAnswer(world, invoice), billing_reason: "upcoming" };
}

function updateInvoice({ world, ids: [id = ""], form }: Call): { [name: string]: Wire } {
  const invoice = invoiceOf(world, id);
  const given = read(form, {
    auto_advance: flag.optional(),
    automatically_finalizes_at: integer.optional(),
    metadata: metadata.optional(),
    description: text.optional(),
    expand,
  });
  if (given.automatically_finalizes_at !== undefined || given.auto_advance !== undefined) {
    if (invoice.status !== "draft" && given.automatically_finalizes_at !== undefined)
      throw new Refusal(400, "Finalized invoices can't be updated in this way.", { code: "invoice_not_editable" });
    if (given.automatically_finalizes_at !== undefined && given.automatically_finalizes_at <= world.now)
      throw new Refusal(400, "automatically_finalizes_at must be in the future.", {
        param: "automatically_finalizes_at",
      });
    invoice.autoAdvance = given.auto_advance ?? invoice.autoAdvance;
    invoice.finalizesAt = given.automatically_finalizes_at ?? invoice.finalizesAt;
  }
  mergeMetadata(invoice.metadata, given.metadata);
  emit(world, "invoice.updated", invoiceAnswer(world, invoice));
  return invoiceAnswer(world, invoice);
}

function payInvoice({ world, ids: [id = ""], form }: Call): { [name: string]: Wire } {
  read(form, { expand });
  const invoice = invoiceOf(world, id);
  if (invoice.status === "draft") finalize(world, invoice);
  if (invoice.status !== "open") throw new Refusal(400, "Invoice is already paid", { code: "invoice_already_paid" });
  const declined = collect(world, invoice);
  if (declined !== undefined)
    throw new Refusal(402, "Your card was declined.", { type: "card_error", code: "card_declined", decline: declined });
  settleSubscription(world, invoice);
  return invoiceAnswer(world, invoice);
}

export const invoiceEndpoints: Endpoints = {
  "POST /v1/invoices/create_preview": preview,
  "GET /v1/invoices": ({ world, form }) => {
    const given = read(form, {
      ...page,
      customer: text.optional(),
      subscription: text.optional(),
      status: z.enum(["draft", "open", "paid", "void", "uncollectible"]).optional(),
      created: z.strictObject({ gte: integer.optional() }).optional(),
    });
    const all = [...world.invoices.values()].filter(
      (one) =>
        (given.customer === undefined || one.customer === given.customer) &&
        (given.subscription === undefined || one.subscription === given.subscription) &&
        (given.status === undefined || one.status === given.status) &&
        one.created >= (given.created?.gte ?? 0),
    );
    const { items, hasMore } = pageOf(all.toReversed(), given);
    return listAnswer(
      items.map((one) => invoiceAnswer(world, one)),
      "/v1/invoices",
      hasMore,
    );
  },
  "GET /v1/invoices/{}": ({ world, ids: [id = ""], form }) => {
    read(form, { expand });
    return invoiceAnswer(world, invoiceOf(world, id));
  },
  "GET /v1/invoices/{}/lines": ({ world, ids: [id = ""], form }) => {
    const given = read(form, page);
    const invoice = invoiceOf(world, id);
    const { items, hasMore } = pageOf(linesOf(world, invoice), given);
    return listAnswer(
      items.map((line) => lineAnswer(world, line, invoice)),
      `/v1/invoices/${id}/lines`,
      hasMore,
    );
  },
  "POST /v1/invoices/{}": updateInvoice,
  "POST /v1/invoices/{}/finalize": ({ world, ids: [id = ""], form }) => {
    const { auto_advance: advances } = read(form, { auto_advance: flag.optional(), expand });
    const invoice = invoiceOf(world, id);
    finalize(world, invoice);
    if (advances === false) return invoiceAnswer(world, invoice);
    collect(world, invoice);
    settleSubscription(world, invoice);
    return invoiceAnswer(world, invoice);
  },
  "POST /v1/invoices/{}/pay": payInvoice,
  "POST /v1/invoices/{}/void": ({ world, ids: [id = ""], form }) => {
    read(form, {});
    const invoice = invoiceOf(world, id);
    if (invoice.status !== "open")
      throw new Refusal(400, "Only open invoices can be voided.", { code: "invoice_not_editable" });
    invoice.status = "void";
    invoice.nextAttemptAt = null;
    emit(world, "invoice.voided", invoiceAnswer(world, invoice));
    settleSubscription(world, invoice);
    return invoiceAnswer(world, invoice);
  },
  "POST /v1/invoices/{}/mark_uncollectible": ({ world, ids: [id = ""], form }) => {
    read(form, {});
    const invoice = invoiceOf(world, id);
    if (invoice.status !== "open")
      throw new Refusal(400, "Only open invoices can be marked uncollectible.", { code: "invoice_not_editable" });
    invoice.status = "uncollectible";
    invoice.nextAttemptAt = null;
    emit(world, "invoice.marked_uncollectible", invoiceAnswer(world, invoice));
    return invoiceAnswer(world, invoice);
  },
  "POST /v1/invoices": ({ world, form }) => {
    const given = read(form, {
      customer: text,
      auto_advance: flag.optional(),
      pending_invoice_items_behavior: z.enum(["include", "exclude"]).optional(),
      metadata: metadata.optional(),
      description: text.optional(),
    });
    if (given.pending_invoice_items_behavior !== "include")
      throw new NotModelled("an invoice without what was set aside");
    customerOf(world, given.customer);
    const lines = pendingItems(world, given.customer).map(pendingLine);
    const now = world.now;
    const invoice = draftInvoice(world, {
      customer: given.customer,
      subscription: null,
      reason: "manual",
      lines,
      periodStart: now,
      periodEnd: now,
    });
    invoice.autoAdvance = given.auto_advance ?? false;
    mergeMetadata(invoice.metadata, given.metadata);
    return invoiceAnswer(world, invoice);
  },
};
