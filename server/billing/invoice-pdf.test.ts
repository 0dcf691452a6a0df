import { inflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { invoicePdf, type InvoicePaper } from "./invoice-pdf.ts";

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

/** A PDF's text as a reader finds it: glyphs led back to letters by the fonts' own tables, one line a piece. */
function textOf(pdf: Buffer): string {
  const objects = objectsOf(pdf);
  const maps = new Map<string, Map<string, string>>();
  for (const body of objects.values()) {
    for (const [, name, id] of body.head.matchAll(/\/(F\d+) (\d+) 0 R/g)) {
      const toUnicode = /\/ToUnicode (\d+) 0 R/.exec(objects.get(id ?? "")?.head ?? "")?.[1];
      if (name && toUnicode) maps.set(name, lettersOf(objects.get(toUnicode)?.stream ?? ""));
    }
  }
  const lines: string[] = [];
  for (const { stream } of objects.values()) {
    let letters = new Map<string, string>();
    for (const [, font, glyphs] of stream.matchAll(/\/(F\d+) [\d.]+ Tf|\[(<[^\]]*)\] TJ/g)) {
      if (font) letters = maps.get(font) ?? letters;
      if (glyphs)
        lines.push(
          glyphsOf(glyphs)
            .map((glyph) => letters.get(glyph) ?? "?")
            .join(""),
        );
    }
  }
  return lines.join("\n");
}

function objectsOf(pdf: Buffer): Map<string, { head: string; stream: string }> {
  const raw = pdf.toString("latin1");
  const objects = new Map<string, { head: string; stream: string }>();
  for (const match of raw.matchAll(/(\d+) 0 obj\n([\s\S]*?)endobj/g)) {
    const [, id = "", body = ""] = match;
    const at = body.indexOf("stream\n");
    const head = at < 0 ? body : body.slice(0, at);
    const bytes = at < 0 ? Buffer.alloc(0) : Buffer.from(body.slice(at + 7, body.lastIndexOf("\nendstream")), "latin1");
    const stream =
      at >= 0 && head.includes("FlateDecode") ? inflateSync(bytes).toString("latin1") : bytes.toString("latin1");
    objects.set(id, { head, stream });
  }
  return objects;
}

function lettersOf(cmap: string): Map<string, string> {
  const letters = new Map<string, string>();
  for (const [, first = "0", list = ""] of cmap.matchAll(/<([0-9a-f]{4})> <[0-9a-f]{4}> \[([^\]]*)\]/gi)) {
    for (const [index, [, code = ""]] of [...list.matchAll(/<([0-9a-f ]+)>/gi)].entries()) {
      const glyph = (Number.parseInt(first, 16) + index).toString(16).padStart(4, "0");
      letters.set(glyph, Buffer.from(code.replaceAll(" ", ""), "hex").swap16().toString("utf16le"));
    }
  }
  return letters;
}

function glyphsOf(pieces: string): string[] {
  return [...pieces.matchAll(/<([0-9a-f]+)>/gi)].flatMap(([, hex = ""]) => hex.match(/.{4}/g) ?? []);
}
