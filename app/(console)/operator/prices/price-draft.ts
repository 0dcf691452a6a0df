import type { inferRouterInputs } from "@trpc/server";
import type { AppRouter } from "#server/api/root.ts";

export type Plans = inferRouterInputs<AppRouter>["operator"]["addPrices"]["plans"];
export type MeterName = keyof Plans["pro"]["meters"];

/** How a meter is written in the form: included amounts in units that people think in, prices in cents for what `per` says. */
export const draftMeters: Record<MeterName, { title: string; unit: string; unitSize: bigint; pricedPer: string }> = {
  requests: { title: "Requests", unit: "requests", unitSize: 1n, pricedPer: "a million" },
  cpu: { title: "CPU time", unit: "hours", unitSize: 3_600_000_000_000n, pricedPer: "a CPU-hour" },
  egress: { title: "Egress", unit: "GB", unitSize: 1_000_000_000n, pricedPer: "a GB" },
  storage: { title: "Storage", unit: "GB", unitSize: 730_000_000_000n, pricedPer: "a GB-month" },
};

export const meterNames = ["requests", "cpu", "egress", "storage"] as const satisfies readonly MeterName[];

/** The form's fields, as texts. */
export type Draft = {
  proFee: string;
  meters: Record<MeterName, { free: string; pro: string; price: string }>;
};

/** What the form begins with: the newest version's terms. */
export function draftOf({ free, pro }: Plans): Draft {
  const meter = (name: MeterName) => ({
    free: inUnits(free.meters[name].included, name),
    pro: inUnits(pro.meters[name].included, name),
    price: pro.meters[name].price,
  });
  return {
    proFee: pro.monthlyFee,
    meters: { requests: meter("requests"), cpu: meter("cpu"), egress: meter("egress"), storage: meter("storage") },
  };
}

/** The plans that a draft means, on the terms of `base` for what the form has no field for; null while a field holds no amount. */
export function plansOf(draft: Draft, base: Plans): Plans | null {
  if (!isCents(draft.proFee)) return null;
  const plans = structuredClone(base);
  plans.pro.monthlyFee = draft.proFee;
  for (const name of meterNames) {
    const { free, pro, price } = draft.meters[name];
    const [freeUnits, proUnits] = [fromUnits(free, name), fromUnits(pro, name)];
    if (freeUnits === null || proUnits === null || !isCents(price)) return null;
    Object.assign(plans.free.meters[name], { included: freeUnits, price });
    Object.assign(plans.pro.meters[name], { included: proUnits, price });
  }
  return plans;
}

const PLACES_MAX = 6;

function isCents(text: string): boolean {
  return /^\d{1,9}(\.\d{1,12})?$/.test(text);
}

/** "2.5" CPU-hours in nanoseconds; null for what is no amount, or no whole number of the ledger's units. */
function fromUnits(text: string, name: MeterName): string | null {
  const match = new RegExp(`^(\\d{1,15})(?:\\.(\\d{1,${PLACES_MAX}}))?$`).exec(text.replaceAll(",", "").trim());
  if (!match?.[1]) return null;
  const scale = 10n ** BigInt(PLACES_MAX);
  const scaled = BigInt(match[1]) * scale + BigInt((match[2] ?? "").padEnd(PLACES_MAX, "0"));
  const total = scaled * draftMeters[name].unitSize;
  return total % scale === 0n ? String(total / scale) : null;
}

function inUnits(included: string, name: MeterName): string {
  const { unitSize } = draftMeters[name];
  const scale = 10n ** BigInt(PLACES_MAX);
  const scaled = (BigInt(included) * scale) / unitSize;
  const fraction = String(scaled % scale)
    .padStart(PLACES_MAX, "0")
    .replace(/0+$/, "");
  return `${scaled / scale}${fraction === "" ? "" : `.${fraction}`}`;
}
