import { exportInvoice } from "#server/billing/export.ts";
import { invoicePdf } from "#server/billing/invoice-pdf.ts";
import { shownInvoice, shownLines } from "#server/billing/invoice-view.ts";
import { issuedInvoice } from "#server/billing/invoices.ts";
import { usageCsv } from "#server/billing/usage-csv.ts";
import { invoiceIssuer } from "#server/env.ts";
import { Fault, type FaultCode } from "#server/std/fault.ts";
import { allowedMember } from "./allowed-member.ts";
import type { Context } from "./context.ts";

/** What can be downloaded of an invoice. */
export type InvoiceFile = "invoice.pdf" | "usage.csv" | "export.jsonl";

const contentTypes: Record<InvoiceFile, string> = {
  "invoice.pdf": "application/pdf",
  "usage.csv": "text/csv; charset=utf-8",
  "export.jsonl": "application/jsonl; charset=utf-8",
};

export function isInvoiceFile(name: string): name is InvoiceFile {
  return name in contentTypes;
}

const CHUNK_CHARACTERS = 64 * 1024;

/** An invoice's file for somebody who may read the bill; everybody else gets the refusal that a procedure would give. */
export async function downloadInvoice(
  ctx: Context,
  of: { organizationSlug: string; number: string; file: InvoiceFile },
): Promise<Response> {
  const { organizationSlug, number, file } = of;
  try {
    const permission = "billing:read";
    const { organization } = await allowedMember(ctx.db, { userId: ctx.userId, organizationSlug, permission });
    const body = await bodyOf(ctx, organization, of);
    return new Response(body, {
      headers: {
        "content-type": contentTypes[file],
        "content-disposition": `attachment; filename="${number}-${file}"`,
        "cache-control": "private, no-store",
      },
    });
  } catch (thrown) {
    return refusedDownload(thrown);
  }
}

/** A fault as the answer to a download; what is none is thrown on. */
export function refusedDownload(thrown: unknown): Response {
  if (!(thrown instanceof Fault)) throw thrown;
  return new Response(`${thrown.message}\n`, { status: statuses[thrown.code] });
}

const statuses = {
  invalid: 400,
  not_signed_in: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  too_many: 429,
  unavailable: 503,
} as const satisfies Record<FaultCode, number>;

type Organization = Awaited<ReturnType<typeof allowedMember>>["organization"];

async function bodyOf(
  ctx: Context,
  organization: Organization,
  { number, file }: { number: string; file: InvoiceFile },
): Promise<BodyInit> {
  const key = { organizationId: organization.id, number };
  switch (file) {
    case "invoice.pdf": {
      const invoice = await issuedInvoice(ctx.db, key);
      const paper = await invoicePdf({
        invoice: { ...shownInvoice(invoice), number: invoice.number, issuedAt: invoice.issuedAt },
        lines: shownLines(invoice),
        issuer: invoiceIssuer(ctx.env),
        customer: organization,
        sealHash: invoice.sealHash,
      });
      return new Uint8Array(paper);
    }
    case "usage.csv":
      return usageCsv(ctx.db, key);
    case "export.jsonl":
      return streamOf(exportInvoice(ctx.db, key));
  }
}

/** A stream that begins only once its first line could be made: what is refused is refused with a status of its own. */
export async function streamOf(lines: AsyncGenerator<string>): Promise<ReadableStream<Uint8Array>> {
  const first = await lines.next();
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const encoder = new TextEncoder();
    try {
      let text = first.done ? "" : first.value;
      for await (const line of lines) {
        text += line;
        if (text.length < CHUNK_CHARACTERS) continue;
        yield encoder.encode(text);
        text = "";
      }
      yield encoder.encode(text);
    } finally {
      await lines.return(undefined);
    }
  }
  const source = chunks();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await source.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await source.return(undefined);
    },
  });
}
