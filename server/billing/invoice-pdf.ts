import { fileURLToPath } from "node:url";
import PDFDocument from "pdfkit";
import type { ShownInvoice, ShownLine } from "./invoice-view.ts";
import { pricedPerWords, quantityWords } from "./quantity-words.ts";

export type InvoicePaper = {
  invoice: ShownInvoice & { number: string; issuedAt: Date };
  lines: readonly ShownLine[];
  /** Who sells: name first, then what else the law wants, a line each. */
  issuer: readonly string[];
  customer: { name: string; slug: string };
  /** The last seal of the organization's usage that this invoice stands on; empty where there is none. */
  sealHash: string;
};

type Paper = PDFKit.PDFDocument;

const MARGIN = 56;
const WIDTH = 595.28 - 2 * MARGIN; // A4
const BOTTOM = 841.89 - 90;
const ink = { text: "#14171c", muted: "#5b6370", line: "#d5d8de", accent: "#0b7489" } as const;
const columns = { title: 0, used: 146, billable: 236, price: 318, cost: WIDTH - 60 } as const;

/** An invoice as PDF, A4. The same invoice makes the same bytes: what was sent can be compared with what is fetched later. */
export async function invoicePdf(paper: InvoicePaper): Promise<Buffer> {
  const { invoice } = paper;
  const document = new PDFDocument({
    size: "A4",
    margins: { top: MARGIN, left: MARGIN, right: MARGIN, bottom: 40 },
    bufferPages: true,
    info: { Title: `Invoice ${invoice.number}`, Author: paper.issuer[0] ?? "", CreationDate: invoice.issuedAt },
  });
  const chunks: Buffer[] = [];
  const whole = new Promise<Buffer>((resolve, reject) => {
    document.on("data", (chunk: Buffer) => chunks.push(chunk));
    document.on("end", () => resolve(Buffer.concat(chunks)));
    document.on("error", reject);
  });
  document.registerFont("text", font("DejaVuSans")).registerFont("bold", font("DejaVuSans-Bold"));
  drawHead(document, paper);
  drawLines(document, paper.lines);
  drawTotals(document, paper);
  drawFeet(document, paper);
  document.end();
  return whole;
}

/**
 * Letters far beyond Latin: names of customers are not ours to choose. The path is made in steps that Next's bundler does not
 * follow: it takes a font for a module, and answers `require.resolve` with a number of its own.
 */
function font(name: string): string {
  const steps = ["..", "..", "node_modules", "dejavu-fonts-ttf", "ttf", `${name}.ttf`];
  return fileURLToPath(new URL(steps.join("/"), import.meta.url));
}

function drawHead(document: Paper, { invoice, issuer, customer }: InvoicePaper): void {
  document.font("bold").fontSize(20).fillColor(ink.text).text("Invoice", MARGIN, MARGIN);
  document.fontSize(9).fillColor(ink.muted).font("text");
  const [seller = "", ...rest] = issuer;
  document.font("bold").fillColor(ink.text).text(seller, MARGIN, MARGIN, { width: WIDTH, align: "right" });
  document.font("text").fillColor(ink.muted);
  for (const line of rest) document.text(line, { width: WIDTH, align: "right" });
  const top = Math.max(document.y, MARGIN + 40) + 24;
  const facts = [
    ["Number", invoice.number],
    ["Issued", day(invoice.issuedAt)],
    ["Period", `${day(invoice.from)} to ${day(new Date(invoice.to.getTime() - 1))}, UTC`],
    ["Status", statusWords(invoice)],
  ] as const;
  document.fontSize(9);
  let y = top;
  for (const [name, value] of facts) {
    document.font("text").fillColor(ink.muted).text(name, MARGIN, y, { width: 60 });
    document
      .font("bold")
      .fillColor(ink.text)
      .text(value, MARGIN + 60, y, { width: 235 });
    y = document.y + 3;
  }
  document
    .font("text")
    .fillColor(ink.muted)
    .text("Billed to", MARGIN + 310, top, { width: WIDTH - 310 });
  document
    .font("bold")
    .fillColor(ink.text)
    .text(customer.name, { width: WIDTH - 310 });
  document
    .font("text")
    .fillColor(ink.muted)
    .text(customer.slug, { width: WIDTH - 310 });
  document.y = Math.max(y, document.y) + 24;
}

function drawLines(document: Paper, lines: readonly ShownLine[]): void {
  drawLineHead(document);
  for (const line of lines) {
    document.font("text").fontSize(9);
    const height = Math.max(document.heightOfString(line.title, { width: columns.used - 8 }), 11) + 10;
    if (document.y + height > BOTTOM) {
      document.addPage();
      drawLineHead(document);
    }
    const y = document.y;
    document.font("text").fontSize(9);
    document.fillColor(ink.text).text(line.title, MARGIN, y + 5, { width: columns.used - 8 });
    const { meter, used, billable, price } = line;
    if (meter !== null && used !== null && billable !== null) {
      cell(document, [y, columns.used], quantityWords(meter, used));
      cell(document, [y, columns.billable], quantityWords(meter, billable));
      if (price !== null) cell(document, [y, columns.price], `${price} ${pricedPerWords(meter)}`);
    }
    cell(document, [y, columns.cost], line.cost, ink.text);
    rule(document, y + height);
    document.y = y + height;
  }
}

function drawLineHead(document: Paper): void {
  const y = document.y;
  document
    .font("bold")
    .fontSize(8)
    .fillColor(ink.muted)
    .text("Description", MARGIN, y + 5);
  cell(document, [y, columns.used], "Used");
  cell(document, [y, columns.billable], "Charged");
  cell(document, [y, columns.price], "Price");
  cell(document, [y, columns.cost], "Amount");
  rule(document, y + 20);
  document.y = y + 20;
}

/** A number's cell: flush right, from its column's left edge to the next one's. */
function cell(document: Paper, [y, left]: [number, number], text: string, color: string = ink.muted): void {
  const edges = [...Object.values(columns), WIDTH];
  const right = edges.find((edge) => edge > left) ?? WIDTH;
  document
    .fillColor(color)
    .text(text, MARGIN + left, y + 5, { width: right - left - (right === WIDTH ? 0 : 6), align: "right" });
}

function rule(document: Paper, y: number): void {
  document
    .moveTo(MARGIN, y)
    .lineTo(MARGIN + WIDTH, y)
    .lineWidth(0.5)
    .strokeColor(ink.line)
    .stroke();
}

function drawTotals(document: Paper, { invoice }: InvoicePaper): void {
  const rows: [string, string][] = [["Total", invoice.total]];
  if (invoice.credit !== null) rows.push(["Paid by credits", `-${invoice.credit}`]);
  rows.push([invoice.isSettled ? "Due at issue" : "Due", invoice.due]);
  if (document.y + rows.length * 18 + 20 > BOTTOM) document.addPage();
  document.y += 10;
  for (const [index, [name, amount]] of rows.entries()) {
    const isLast = index === rows.length - 1;
    const y = document.y;
    document
      .font(isLast ? "bold" : "text")
      .fontSize(isLast ? 11 : 9)
      .fillColor(ink.text);
    document.text(name, MARGIN + columns.billable, y, { width: columns.cost - columns.billable, align: "right" });
    document.text(amount, MARGIN + columns.cost, y, { width: WIDTH - columns.cost, align: "right" });
    document.y = y + 18;
  }
}

function drawFeet(document: Paper, { sealHash, invoice }: InvoicePaper): void {
  const { count } = document.bufferedPageRange();
  for (let page = 0; page < count; page += 1) {
    document.switchToPage(page);
    const words = [
      "Amounts in US dollars. Each line is rounded once; quantities are exact in the usage export.",
      sealHash === "" ? "" : `Last seal of the usage: ${sealHash}`,
      `${invoice.number}, page ${page + 1} of ${count}`,
    ].filter((line) => line !== "");
    document.font("text").fontSize(7).fillColor(ink.muted);
    document.text(words.join("\n"), MARGIN, BOTTOM + 26, { width: WIDTH, lineGap: 2, height: 60 });
  }
}

function statusWords({ state, reason }: ShownInvoice): string {
  switch (state) {
    case "draft":
      return "Draft";
    case "held":
      return "Being checked: do not pay yet";
    case "open":
      return "Open";
    case "paid":
      return reason === "" ? "Paid" : `Paid. ${reason}`;
    case "void":
      return "Void: nothing is owed";
    case "uncollectible":
      return "Uncollectible";
  }
}

function day(at: Date): string {
  return at.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
}
