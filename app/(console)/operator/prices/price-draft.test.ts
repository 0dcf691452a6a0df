import { expect, test } from "vitest";
import { draftOf, plansOf, type Plans } from "./price-draft.ts";

const meter = (included: string, price: string, per: string) => ({ included, price, per });
const meters = (requests: string, cpu: string) => ({
  requests: meter(requests, "30", "1000000"),
  cpu: meter(cpu, "8", "3600000000000"),
  egress: meter("10000000000", "4", "1000000000"),
  storage: meter("730000000000", "1.5", "730000000000"),
});
const plans: Plans = {
  free: { title: "Free", monthlyFee: "0", overage: "stops", meters: meters("1000000", "7200000000000") },
  pro: { title: "Pro", monthlyFee: "500", overage: "billed", meters: meters("5000000", "36000000000000") },
};

test("a form that nobody has touched means the terms that it began with", () => {
  expect(draftOf(plans).meters.cpu).toEqual({ free: "2", pro: "10", price: "8" });
  expect(plansOf(draftOf(plans), plans)).toEqual(plans);
});

test("amounts are exact: two and a half hours are so many nanoseconds, and half a request is none", () => {
  const draft = draftOf(plans);
  draft.meters.cpu.pro = "2.5";
  draft.meters.requests.free = "2,000,000";
  draft.meters.requests.price = "29.999999999999";
  const changed = plansOf(draft, plans);
  expect(changed?.pro.meters.cpu.included).toBe("9000000000000");
  expect(changed?.free.meters.requests).toEqual(meter("2000000", "29.999999999999", "1000000"));
  draft.meters.requests.free = "0.5";
  expect(plansOf(draft, plans)).toBeNull();
});

test("what is no amount is not sent", () => {
  for (const wrong of ["", "-1", "1e6", "ten"]) {
    const draft = draftOf(plans);
    draft.meters.egress.pro = wrong;
    expect(plansOf(draft, plans)).toBeNull();
    expect(plansOf({ ...draftOf(plans), proFee: wrong }, plans)).toBeNull();
  }
});
