import { expect, test } from "vitest";
import { Operations } from "./operations.ts";
import { checkForm, checkAnswer, type Shape } from "./shape.ts";

const operations = new Operations();

function parametersOf(method: string, path: string): Shape {
  const shape = operations.find(method, path)?.operation.parameters();
  if (!shape) throw new Error(`${method} ${path} takes nothing`);
  return shape;
}

test("every operation of the installed SDK is read, with all that it takes and answers, to any depth", () => {
  expect(operations.all.length).toBeGreaterThan(600);
  const seen = new Set<Shape>();
  const walk = (shape: Shape, depth: number): void => {
    if (depth === 0 || seen.has(shape)) return;
    seen.add(shape);
    if (shape.kind === "array") walk(shape.item(), depth - 1);
    if (shape.kind === "map") walk(shape.value(), depth - 1);
    if (shape.kind === "union") for (const member of shape.members) walk(member, depth - 1);
    if (shape.kind === "object") for (const { shape: field } of shape.fields.values()) walk(field(), depth - 1);
  };
  for (const { path, parameters, answer } of operations.all) {
    if (path.startsWith("/v2/")) continue;
    const sent = parameters();
    if (sent) walk(sent, 20);
    walk(answer(), 6);
  }
  expect(seen.size).toBeGreaterThan(5_000);
});

test("a path that is written out wins over one with an id in its place", () => {
  expect(operations.find("POST", "/v1/invoices/create_preview")?.operation.path).toBe("/v1/invoices/create_preview");
  expect(operations.find("POST", "/v1/invoices/in_1")).toMatchObject({ ids: ["in_1"] });
  expect(operations.find("GET", "/v1/invoices/upcoming")).toMatchObject({ ids: ["upcoming"] });
  expect(operations.find("POST", "/v1/subscription_items/si_1/usage_records")).toBeUndefined();
});

test.each([
  ["an unknown name", { ...meter(), colour: "red" }, "Received unknown parameter: colour"],
  ["a missing one", { ...meter(), display_name: undefined }, "Missing required param: display_name."],
  [
    "a value outside of an enum that the SDK leaves open",
    { ...meter(), event_time_window: "minute" },
    "event_time_window",
  ],
  [
    "an unknown name further down",
    { ...meter(), default_aggregation: { formula: "sum", round: "up" } },
    "default_aggregation[round]",
  ],
])("%s is refused", (_, form, message) => {
  const sent = JSON.parse(JSON.stringify(form));
  expect(checkForm(sent, parametersOf("POST", "/v1/billing/meters"))?.message).toContain(message);
});

test("what the declarations allow is let through", () => {
  expect(checkForm(meter(), parametersOf("POST", "/v1/billing/meters"))).toBeUndefined();
  const price = parametersOf("POST", "/v1/prices");
  const tiers = [{ up_to: "inf", unit_amount_decimal: "0.000000004" }];
  const sent = { currency: "usd", product: "prod_1", tiers, billing_scheme: "tiered", metadata: { a: "b" } };
  expect(checkForm(sent, price)).toBeUndefined();
  expect(checkForm({ ...sent, tiers: [{ up_to: "5", unit_amount: "0" }] }, price)).toBeUndefined();
});

test.each([["4e-9"], ["0.0000000000001"], [".5"], ["five"]])(
  "the amount %s is no decimal that Stripe reads",
  (amount) => {
    const tiers = [{ up_to: "inf", unit_amount_decimal: amount }];
    const sent = { currency: "usd", product: "prod_1", tiers };
    expect(checkForm(sent, parametersOf("POST", "/v1/prices"))?.at).toBe("tiers[0][unit_amount_decimal]");
  },
);

test.each([["1.5"], ["1e21"], [""]])("the number %j is no integer", (timestamp) => {
  const sent = { event_name: "requests", payload: { value: "1" }, timestamp };
  expect(checkForm(sent, parametersOf("POST", "/v1/billing/meter_events"))?.at).toBe("timestamp");
});

test("an answer with a name that the declarations lack is the double's own mistake", () => {
  const answer = operations.find("POST", "/v1/customers")?.operation.answer() ?? { kind: "null" };
  expect(checkAnswer({ id: "cus_1", object: "customer", colour: "red" }, answer)?.at).toBe("colour");
  expect(checkAnswer({ id: "cus_1", object: "customer", created: "1" }, answer)?.at).toBe("created");
});

function meter() {
  return {
    display_name: "Requests",
    event_name: "requests",
    default_aggregation: { formula: "sum" },
    event_time_window: "hour",
    customer_mapping: { type: "by_id", event_payload_key: "stripe_customer_id" },
  };
}
