import type { Spread } from "./percentile.ts";

/** A table whose first column is text and the others figures. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [
    `| ${head.join(" | ")} |`,
    `|---|${"---:|".repeat(head.length - 1)}`,
    ...rows.map((row) => `| ${row.join(" | ")} |`),
  ];
}

export function times(value: number, anchor: number): string {
  const ratio = value / anchor;
  return `${ratio.toFixed(ratio < 10 ? 2 : 1)}x`;
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** Two decimals below 10, one above. */
export function precise(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1);
}

export function both({ p50Ms, p99Ms }: Spread): string {
  return `${precise(p50Ms)} / ${precise(p99Ms)}`;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

export function megabytes(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(1);
}
