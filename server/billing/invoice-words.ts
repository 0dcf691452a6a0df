import { formatCents } from "#server/std/money.ts";

/** "November 2026". */
export function monthName(at: Date): string {
  return at.toLocaleDateString("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });
}

export function invoiceMail(invoice: {
  organizationName: string;
  number: string;
  month: Date;
  total: bigint;
  credit: bigint;
  sealHash: string;
  url: string;
}): { subject: string; text: string } {
  const { organizationName, number, month, total, credit, sealHash, url } = invoice;
  const due = total - credit;
  return {
    subject: `${organizationName}: invoice ${number} for ${monthName(month)}, ${formatCents(total)}`,
    text: [
      `Invoice ${number} of ${organizationName}, for ${monthName(month)}`,
      "",
      `Total: ${formatCents(total)}`,
      ...(credit > 0n ? [`Paid by credits: ${formatCents(credit)}`] : []),
      due > 0n ? `Due: ${formatCents(due)}` : "Nothing is due.",
      "",
      `Every line, down to its requests, as PDF, and as an export that you can check yourself: ${url}`,
      // Kept in a mailbox that is not ours, it is what an export made later has to lead to.
      ...(sealHash === "" ? [] : ["", `Last seal of its usage: ${sealHash}`]),
      "",
    ].join("\n"),
  };
}
