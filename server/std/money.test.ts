import { expect, test } from "vitest";
import { formatRough, parseCents, picocents } from "./money.ts";

test("amounts of a cent and more are read to the cent, smaller ones to three digits that count", () => {
  const amounts = ["1234.4999", "1234.5", "100", "1", "0.99", "0.0345678", "0.000000000001", "0"];
  expect(amounts.map((text) => formatRough(parseCents(text)))).toEqual([
    "$12.34",
    "$12.35",
    "$1.00",
    "$0.01",
    "$0.00990",
    "$0.000345",
    "$0.00000000000001",
    "$0.00",
  ]);
  expect(formatRough(picocents(-1n))).toBe("$0.00");
});
