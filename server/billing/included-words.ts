import { CPU_HOUR_NS, GB_BYTES, GB_MONTH_BYTE_HOURS, type Meter } from "./price-book.ts";

/** "1,000,000 requests", "2 CPU-hours": what a plan includes of a meter, as a sentence has it. */
export function includedInWords(meter: Meter, included: bigint): string {
  switch (meter) {
    case "requests":
      return counted(included, 1n, "request");
    case "cpu":
      return counted(included, CPU_HOUR_NS, "CPU-hour");
    case "egress":
      return `${whole(included, GB_BYTES)} GB of egress`;
    case "storage":
      return `${whole(included, GB_MONTH_BYTE_HOURS)} GB stored`;
  }
}

function counted(quantity: bigint, unit: bigint, word: string): string {
  return `${whole(quantity, unit)} ${word}${quantity === unit ? "" : "s"}`;
}

/** Plans include round numbers; two decimals are enough for one that does not. */
function whole(quantity: bigint, unit: bigint): string {
  return (Number((quantity * 100n) / unit) / 100).toLocaleString("en-US");
}
