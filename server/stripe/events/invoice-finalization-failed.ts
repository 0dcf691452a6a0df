import { mirrorInvoice } from "../invoice-mirror.ts";
import { raiseNotice } from "../notices.ts";
import type { StripeTools } from "../tools.ts";

/** Something at Stripe is in the way, such as an address that its tax needs: only an operator can put that right. */
export async function invoiceFinalizationFailed(tools: StripeTools, invoiceId: string): Promise<void> {
  const invoice = await mirrorInvoice(tools, invoiceId);
  if (!invoice || invoice.status !== "draft") return;
  await raiseNotice(
    tools,
    `finalize:${invoiceId}`,
    `Stripe can't finalize ${invoiceId} of ${invoice.organizationId}. Open it at Stripe to see why.`,
  );
}
