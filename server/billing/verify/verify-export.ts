import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { checkExport } from "./check-export.ts";
import { Refused } from "./read-export.ts";

/**
 * `node server/billing/verify/verify-export.ts EXPORT [--total 12.34] [--seal HASH] [--without-facts]`
 * Adds an invoice's export up from nothing, with Node 24 and no package, and says whether it equals the invoice. With the
 * total and the seal that stand on an invoice which was sent earlier, it also says whether this is that invoice's usage.
 * Facts are kept for thirteen months; an older export is checked --without-facts.
 * Ends with 0 when all holds, 1 when something does not, 2 when it can't be run.
 */
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    total: { type: "string" },
    seal: { type: "string" },
    "without-facts": { type: "boolean", default: false },
  },
});
const [path] = positionals;
if (!path) {
  console.error("usage: node server/billing/verify/verify-export.ts EXPORT [--total 12.34] [--seal HASH]");
  process.exit(2);
}

try {
  const verdict = await checkExport(createInterface({ input: createReadStream(path), crlfDelay: Infinity }), {
    mayLackFacts: values["without-facts"],
  });
  const total = dollars(verdict.totalCents);
  if (values.total !== undefined && values.total.replace(/^\$/, "") !== total)
    throw new Refused(`The invoice that was sent says $${values.total.replace(/^\$/, "")}, this export $${total}.`);
  if (values.seal !== undefined && values.seal !== verdict.sealHash)
    throw new Refused("The seal on the invoice that was sent is not this export's: it is other usage.");
  console.log(`Invoice ${verdict.number}: $${total}, of which credits paid $${dollars(verdict.creditCents)}.`);
  console.log(
    `${verdict.facts} facts in ${verdict.hours} hours, under a chain of ${verdict.seals} seals, add up to it exactly.`,
  );
  if (verdict.hoursWithoutFacts > 0)
    console.log(
      `Of ${verdict.hoursWithoutFacts} hours the facts are no longer kept: their seals hold, their sums can't be made again.`,
    );
  if (verdict.sealHash !== "") console.log(`Its seal, to compare with the invoice that was sent: ${verdict.sealHash}`);
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  console.log(`Refused. ${error.message}`);
  process.exit(1);
}

function dollars(cents: bigint): string {
  return `${cents / 100n}.${String(cents % 100n).padStart(2, "0")}`;
}
