import { expect, test } from "vitest";
import { invoicePdf, type InvoicePaper } from "./invoice-pdf.ts";
import { textOf } from "./test-pdf-text.ts";

const from = new Date("2026-11-01T00:00:00Z");
const to = new Date("2026-12-01T00:00:00Z");
const period = { from, to };
const fee = {
  position: 1,
  kind: "fee",
  title: "Pro, 160 of 720 hours",
  meter: null,
  used: null,
  billable: null,
  price: null,
} as const;
const requests = { position: 2, kind: "usage", title: "Requests", meter: "requests", price: "$0.30" } as const;

const paper: InvoicePaper = {
  invoice: {
    number: "SLU-2026-000001",
    state: "open",
    reason: "",
    month: "November 2026",
    ...period,
    issuedAt: new Date("2026-12-01T00:10:00Z"),
    total: "$1.47",
    credit: "$1.00",
    due: "$0.47",
    isSettled: false,
  },
  lines: [
    { ...fee, ...period, cost: "$1.11" },
    { ...requests, ...period, used: 6_200_000n, billable: 1_200_000n, cost: "$0.36" },
  ],
  issuer: ["Example Ltd", "1 Example Street"],
  customer: { name: "Žółć & Сыновья", slug: "zolc" },
  sealHash: "ab".repeat(32),
};

test("the paper says who owes what to whom, in the customer's own letters, and where its usage can be checked", async () => {
  const text = textOf(await invoicePdf(paper));
  for (const words of [
    "SLU-2026-000001",
    "Example Ltd",
    "Žółć & Сыновья",
    "1 December 2026",
    "1 November 2026 to 30 November 2026",
  ])
    expect(text).toContain(words);
  for (const words of [
    "Pro, 160 of 720 hours",
    "6,200,000",
    "1,200,000",
    "$0.30 a million",
    "$1.11",
    "-$1.00",
    "$0.47",
  ])
    expect(text).toContain(words);
  expect(text).toContain("ab".repeat(32));
});

test("the same invoice makes the same bytes, and another status another paper", async () => {
  const [first, again] = await Promise.all([invoicePdf(paper), invoicePdf(paper)]);
  expect(first.equals(again)).toBe(true);
  const invoice = { ...paper.invoice, state: "void" as const };
  expect(textOf(await invoicePdf({ ...paper, invoice }))).toContain("Void: nothing is owed");
});

test("lines that fill more than a page go on with their heads on the next, and every page names the invoice", async () => {
  const lines = Array.from({ length: 80 }, (_, index) => ({ ...paper.lines[1]!, position: index + 1 }));
  const text = textOf(await invoicePdf({ ...paper, lines }));
  expect(text.match(/Description/g)?.length).toBeGreaterThan(1);
  const pages = Number(/page 1 of (\d)/.exec(text)?.[1]);
  expect(pages).toBeGreaterThan(1);
  for (let page = 1; page <= pages; page += 1) expect(text).toContain(`SLU-2026-000001, page ${page} of ${pages}`);
  expect(text.match(/\$0\.36/g)).toHaveLength(80);
});
