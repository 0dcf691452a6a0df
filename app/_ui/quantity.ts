/** Quantities as people read them. The exact ones stay bigints; a float is made only of what is left after scaling. */

/** Fine enough that rounding to three digits afterwards never rounds twice. */
const PARTS = 1_000_000n;

export function formatCount(count: bigint | number): string {
  return count.toLocaleString("en-US");
}

const cpuUnits: [bigint, string][] = [
  [3_600_000_000_000n, "h"],
  [60_000_000_000n, "min"],
  [1_000_000_000n, "s"],
  [1_000_000n, "ms"],
];

/** CPU time out of nanoseconds: "1.25 ms", "3.4 s", "2 h". */
export function formatCpu(ns: bigint): string {
  const [unitNs, unit] = cpuUnits.find(([from]) => ns >= from) ?? [1_000_000n, "ms"];
  return `${scaled(ns, unitNs)} ${unit}`;
}

const byteUnits: [bigint, string][] = [
  [1_000_000_000_000n, "TB"],
  [1_000_000_000n, "GB"],
  [1_000_000n, "MB"],
  [1_000n, "kB"],
];

/** Decimal units, as the price book counts: 1 GB is 1,000,000,000 bytes. */
export function formatBytes(bytes: bigint): string {
  const [from, unit] = byteUnits.find(([least]) => bytes >= least) ?? [1n, "B"];
  return `${scaled(bytes, from)} ${unit}`;
}

function scaled(amount: bigint, unit: bigint): string {
  const value = Number((amount * PARTS) / unit) / Number(PARTS);
  return value.toLocaleString("en-US", { maximumSignificantDigits: value >= 100 ? 4 : 3 });
}

/** A UTC day: "24 Nov". */
export function formatDay(day: Date): string {
  return day.toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
}

/** "24 Nov 2026, 14:05 UTC": the same text on the server and in every browser. */
export function formatMoment(at: Date): string {
  return `${at.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" })}, ${at.toISOString().slice(11, 16)} UTC`;
}

/** A whole hour: "24 Nov 2026, 14:00 to 15:00 UTC". */
export function formatHour(at: Date): string {
  const end = new Date(at.getTime() + 3_600_000);
  return `${formatMoment(at).replace(" UTC", "")} to ${end.toISOString().slice(11, 16)} UTC`;
}
