/**
 * The double's own sums, apart from those of server/billing: what both say alike was found twice.
 * Amounts are numbers of 1e-12 cent in BigInt.
 */
const PLACES = 12;
const ONE_CENT = 10n ** BigInt(PLACES);

export type Tier = { upTo: bigint | "inf"; unit: bigint; flat: bigint };

/** "0.000000004" cents. */
export function parseDecimal(text: string): bigint {
  const [whole = "0", fraction = ""] = text.replace("-", "").split(".");
  const amount = BigInt(whole) * ONE_CENT + BigInt(fraction.padEnd(PLACES, "0"));
  return text.startsWith("-") ? -amount : amount;
}

export function formatDecimal(amount: bigint): string {
  const digits = (amount < 0n ? -amount : amount).toString().padStart(PLACES + 1, "0");
  const fraction = digits.slice(-PLACES).replace(/0+$/, "");
  return `${amount < 0n ? "-" : ""}${digits.slice(0, -PLACES)}${fraction === "" ? "" : `.${fraction}`}`;
}

/** Whole cents, the half away from zero, once a line. */
export function toCents(amount: bigint): bigint {
  const absolute = amount < 0n ? -amount : amount;
  const cents = (absolute + ONE_CENT / 2n) / ONE_CENT;
  return amount < 0n ? -cents : cents;
}

/** Graduated: each unit costs what its tier says. A quantity below zero costs nothing. */
export function graduated(quantity: bigint, tiers: readonly Tier[]): bigint {
  let amount = 0n;
  let below = 0n;
  for (const { upTo, unit, flat } of tiers) {
    if (quantity <= below) break;
    const end = upTo === "inf" || upTo > quantity ? quantity : upTo;
    amount += (end - below) * unit + flat;
    below = end;
    if (upTo !== "inf") below = upTo;
  }
  return amount;
}

/** Volume: all units cost what the tier of the whole quantity says. */
export function volume(quantity: bigint, tiers: readonly Tier[]): bigint {
  if (quantity <= 0n) return 0n;
  const tier = tiers.find(({ upTo }) => upTo === "inf" || quantity <= upTo);
  return tier ? quantity * tier.unit + tier.flat : 0n;
}

/** A share of whole cents by time, the half away from zero: how a licensed price is prorated. */
export function shareOf(cents: bigint, part: number, whole: number): bigint {
  return toCents((cents * ONE_CENT * BigInt(part)) / BigInt(whole));
}
