import { CPU_HOUR_NS, GB_BYTES, type Meter } from "./price-book.ts";

const PLACES = 6n;

/** A quantity as an invoice has it, in the unit that is priced, exact to a millionth of it: "6,200,000", "12.5 h", "0.000123 GB". */
export function quantityWords(meter: Meter, quantity: bigint): string {
  switch (meter) {
    case "requests":
      return quantity.toLocaleString("en-US");
    case "cpu":
      return `${decimal(quantity, CPU_HOUR_NS)} h`;
    case "egress":
    case "storage":
      return `${decimal(quantity, GB_BYTES)} GB`;
  }
}

/** What one price of a meter is for. */
export function pricedPerWords(meter: Meter): string {
  switch (meter) {
    case "requests":
      return "a million";
    case "cpu":
      return "an hour";
    case "egress":
      return "a GB";
    case "storage":
      return "a GB-month";
  }
}

/** Rounded half up at the last place; a bill is made of the exact quantity, never of this. */
function decimal(quantity: bigint, unit: bigint): string {
  const scale = 10n ** PLACES;
  const scaled = (quantity * scale * 2n + unit) / (unit * 2n);
  const fraction = String(scaled % scale)
    .padStart(Number(PLACES), "0")
    .replace(/0+$/, "");
  return `${(scaled / scale).toLocaleString("en-US")}${fraction === "" ? "" : `.${fraction}`}`;
}
