/** An amount in 1e-12 cent, the finest unit that Stripe's `unit_amount_decimal` can say. Never a float. */
export type Picocents = bigint & { readonly unit: "picocents" };

const PICOCENTS_PER_CENT = 1_000_000_000_000n;
const DECIMAL_PLACES_MAX = 12;

/** Brands a bigint that counts picocents. */
export function picocents(amount: bigint): Picocents {
  // The brand exists only in the type; this is the one place that puts it on.
  return amount as Picocents;
}

/** Reads a price in cents with at most 12 decimal places ("0.00003"), as Stripe writes them. */
export function parseCents(text: string): Picocents {
  const match = /^(\d+)(?:\.(\d{1,12}))?$/.exec(text);
  if (!match) throw new Error(`not an amount in cents with at most 12 places: ${text}`);
  const fraction = (match[2] ?? "").padEnd(DECIMAL_PLACES_MAX, "0");
  return picocents(BigInt(match[1] ?? "0") * PICOCENTS_PER_CENT + BigInt(fraction));
}

/** The inverse of `parseCents`: "30", "0.00000222222". */
export function decimalCents(amount: Picocents): string {
  const fraction = String(amount % PICOCENTS_PER_CENT)
    .padStart(DECIMAL_PLACES_MAX, "0")
    .replace(/0+$/, "");
  return `${amount / PICOCENTS_PER_CENT}${fraction === "" ? "" : `.${fraction}`}`;
}

/** Whole cents, rounded half up: once per invoice line, nowhere else. */
export function roundToCents(amount: Picocents): bigint {
  if (amount < 0n) return 0n - roundToCents(picocents(0n - amount));
  return (amount * 2n + PICOCENTS_PER_CENT) / (PICOCENTS_PER_CENT * 2n);
}

/** "$12.34" from whole cents. */
export function formatCents(cents: bigint): string {
  const absolute = cents < 0n ? -cents : cents;
  const text = `$${(absolute / 100n).toLocaleString("en-US")}.${String(absolute % 100n).padStart(2, "0")}`;
  return cents < 0n ? `-${text}` : text;
}

/** An exact amount in dollars without rounding, trailing zeros cut: "$0.00000034". For the cost of one request. */
export function formatExact(amount: Picocents): string {
  const perDollar = PICOCENTS_PER_CENT * 100n;
  const absolute = amount < 0n ? 0n - amount : amount;
  const fraction = String(absolute % perDollar)
    .padStart(14, "0")
    .replace(/0+$/, "")
    .padEnd(2, "0");
  return `${amount < 0n ? "-" : ""}$${absolute / perDollar}.${fraction}`;
}

const SIGNIFICANT_DIGITS = 3;

/** An amount as people compare it: to the cent, and below a cent to three digits that count: "$12.34", "$0.00340". */
export function formatRough(amount: Picocents): string {
  if (amount >= PICOCENTS_PER_CENT || amount <= 0n) return formatCents(roundToCents(amount));
  const digits = String(amount).padStart(14, "0");
  const first = digits.search(/[1-9]/);
  return `$0.${digits.slice(0, first + SIGNIFICANT_DIGITS)}`;
}
