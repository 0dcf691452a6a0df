import { expect, test, vi } from "vitest";
import { Fault } from "./fault.ts";

test("a fault is one wherever it was made: bundles have copies of the class", async () => {
  vi.resetModules();
  const { Fault: Other } = await import("./fault.ts");
  expect(Other).not.toBe(Fault);
  expect(new Other("invalid", "No.") instanceof Fault).toBe(true);
  expect(new Fault("invalid", "No.") instanceof Fault).toBe(true);
  for (const thrown of [new Error("No."), null, undefined, "No.", {}]) expect(thrown instanceof Fault).toBe(false);
});
