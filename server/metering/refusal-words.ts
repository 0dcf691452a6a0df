import { formatCents } from "#server/std/money.ts";
import { meterCents, type Budget } from "./budget.ts";
import type { RefusedBecause } from "./lease.ts";
import type { Usage } from "./usage.ts";

const CPU_HOUR_NS = 3_600_000_000_000n;
const GB_BYTES = 1_000_000_000n;

export type Refusal = {
  because: RefusedBecause;
  /** Of the stop. */
  reason: string;
  budget: Budget | null;
  used: Usage;
  /** What was asked for at least. */
  least: Usage;
};

/** Why an organization's functions do not answer, and what ends it: for its people, and for those who call its functions. */
export function refusalWords(refusal: Refusal): string {
  switch (refusal.because) {
    case "stopped":
      return refusal.reason;
    case "no_budget":
      return "The organization's allowance is not set up yet. Try again in a moment.";
    case "epoch_over":
      return "This server was taken out of service. Try again: another one answers.";
    case "leased_elsewhere":
      return `What is left of the organization's allowance is reserved by calls that are under way. Try again in a moment. ${endWords(refusal.budget)}`;
    case "used_up":
      return `${usedUpWords(refusal)} ${endWords(refusal.budget)}`;
  }
}

function usedUpWords({ budget, used, least }: Refusal): string {
  if (!budget) return "The organization's allowance is used up.";
  const over = (["requests", "cpuNs", "egressBytes"] as const).filter(
    (meter) => meterCents(budget.weights[meter], used[meter] + least[meter]) > 0n,
  );
  const month = budget.period.from.toLocaleDateString("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });
  if (budget.mostCents > 0n) {
    const what = over.map((meter) => meterNames[meter]).join(" and ");
    return `The organization's spending cap of ${formatCents(budget.mostCents)} for ${month} is reached by its ${what}.`;
  }
  const what = over.map((meter) => quantityWords(meter, budget.weights[meter].included)).join(" and ");
  return `The ${what} that the organization's plan includes in ${month} are used up.`;
}

function endWords(budget: Budget | null): string {
  if (!budget) return "";
  const again = budget.period.to.toLocaleDateString("en-GB", {
    day: "numeric",
    month: "long",
    year: "numeric",
    timeZone: "UTC",
  });
  const raised =
    budget.mostCents > 0n ? "its spending cap is raised" : "it gets a larger plan or a higher spending cap";
  return `Functions answer again on ${again} (UTC), or once ${raised}.`;
}

const meterNames = { requests: "requests", cpuNs: "CPU time", egressBytes: "egress" } as const;

/** "1,000,000 requests", "2 CPU-hours", "10 GB of egress". */
function quantityWords(meter: keyof Usage, quantity: bigint): string {
  switch (meter) {
    case "requests":
      return `${rounded(quantity, 1n)} ${quantity === 1n ? "request" : "requests"}`;
    case "cpuNs":
      return `${rounded(quantity, CPU_HOUR_NS)} ${quantity === CPU_HOUR_NS ? "CPU-hour" : "CPU-hours"}`;
    case "egressBytes":
      return `${rounded(quantity, GB_BYTES)} GB of egress`;
  }
}

/** Plans include round numbers; two decimals are enough for one that does not. */
function rounded(quantity: bigint, unit: bigint): string {
  return (Number((quantity * 100n) / unit) / 100).toLocaleString("en-US");
}
