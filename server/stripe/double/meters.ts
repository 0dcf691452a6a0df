import { z } from "zod";
import { customerOf } from "./customers.ts";
import type { Call, Endpoints } from "./endpoints.ts";
import { emit } from "./events.ts";
import { expand, integer, listAnswer, page, pageOf, read, text } from "./reading.ts";
import { missing, Refusal } from "./refusal.ts";
import type { Wire } from "./shape.ts";
import type { Meter, MeterEvent, World } from "./world.ts";

const DAY_SECONDS = 86_400;
const PAST_DAYS_MAX = 35;
const FUTURE_SECONDS_MAX = 300;
const IDENTIFIER_KEPT_SECONDS = DAY_SECONDS;
const DIGITS_MAX = 15;
const IDENTIFIER_CHARACTERS_MAX = 100;

export function meterAnswer(meter: Meter): { [name: string]: Wire } {
  return {
    id: meter.id,
    object: "billing.meter",
    created: meter.created,
    customer_mapping: { event_payload_key: "stripe_customer_id", type: "by_id" },
    default_aggregation: { formula: meter.formula },
    display_name: meter.displayName,
    event_name: meter.eventName,
    event_time_window: meter.window,
    livemode: false,
    status: meter.isActive ? "active" : "inactive",
    status_transitions: { deactivated_at: meter.isActive ? null : meter.updated },
    updated: meter.updated,
    value_settings: { event_payload_key: "value" },
  };
}

/** What a customer used of a meter from a moment (inclusive) to another: the last value of each window, where the meter has windows. */
export function usedOf(world: World, of: { meter: string; customer: string; from: number; to: number }): bigint {
  const meter = world.meters.get(of.meter);
  if (!meter) throw missing("meter", of.meter);
  const counted = world.meterEvents.filter(
    (event) =>
      event.meter === of.meter &&
      event.customer === of.customer &&
      event.timestamp >= of.from &&
      event.timestamp < of.to &&
      event.countsAt <= world.now,
  );
  const values = meter.window === null ? counted : lastOfEachWindow(counted, meter.window);
  if (meter.formula === "count") return BigInt(values.length);
  if (meter.formula === "last") return values.at(-1)?.value ?? 0n;
  return values.reduce((sum, { value }) => sum + value, 0n);
}

/** Stripe keeps the value that it received last for a window. */
function lastOfEachWindow(events: readonly MeterEvent[], window: "hour" | "day"): MeterEvent[] {
  const seconds = windowSeconds(window);
  const last = new Map<number, MeterEvent>();
  for (const event of events) last.set(Math.floor(event.timestamp / seconds), event);
  return [...last.values()];
}

function windowSeconds(window: "hour" | "day"): number {
  return window === "hour" ? 3_600 : DAY_SECONDS;
}

function createMeter({ world, form }: Call): { [name: string]: Wire } {
  const given = read(form, {
    display_name: text,
    event_name: text,
    default_aggregation: z.strictObject({ formula: z.enum(["sum", "count", "last"]) }),
    event_time_window: z.enum(["hour", "day"]).optional(),
    customer_mapping: z
      .strictObject({ type: z.literal("by_id"), event_payload_key: z.literal("stripe_customer_id") })
      .optional(),
    value_settings: z.strictObject({ event_payload_key: z.literal("value") }).optional(),
  });
  if (activeMeter(world, given.event_name))
    throw new Refusal(400, `An active meter with the event name ${given.event_name} exists already.`, {
      param: "event_name",
    });
  const meter: Meter = {
    id: world.newId("mtr"),
    created: world.now,
    updated: world.now,
    displayName: given.display_name,
    eventName: given.event_name,
    formula: given.default_aggregation.formula,
    window: given.event_time_window ?? null,
    isActive: true,
  };
  world.meters.set(meter.id, meter);
  emit(world, "billing.meter.created", meterAnswer(meter));
  return meterAnswer(meter);
}

function activeMeter(world: World, eventName: string): Meter | undefined {
  return [...world.meters.values()].find((meter) => meter.isActive && meter.eventName === eventName);
}

function createEvent({ world, form }: Call): { [name: string]: Wire } {
  const given = read(form, {
    event_name: text,
    payload: z.strictObject({ stripe_customer_id: text.optional(), value: text.optional() }),
    identifier: text.max(IDENTIFIER_CHARACTERS_MAX).optional(),
    timestamp: integer.optional(),
  });
  const meter = activeMeter(world, given.event_name);
  if (!meter)
    throw new Refusal(400, `No active meter found for event name '${given.event_name}'.`, {
      code: "no_meter",
      param: "event_name",
    });
  const customer = given.payload.stripe_customer_id ?? "";
  customerOf(world, customer, "payload[stripe_customer_id]");
  const timestamp = checkTimestamp(world, given.timestamp ?? world.now);
  const value = checkValue(given.payload.value ?? "");
  const identifier = given.identifier ?? world.newId("ident");
  const isKnown = world.meterEvents.some(
    (event) => event.identifier === identifier && event.receivedAt > world.now - IDENTIFIER_KEPT_SECONDS,
  );
  if (isKnown)
    throw new Refusal(400, `An event already exists with identifier ${identifier}.`, { param: "identifier" });
  world.meterEvents.push({
    identifier,
    meter: meter.id,
    customer,
    value,
    timestamp,
    receivedAt: world.now,
    countsAt: world.now + world.meterLagSeconds,
  });
  return {
    object: "billing.meter_event",
    created: world.now,
    event_name: given.event_name,
    identifier,
    livemode: false,
    payload: { stripe_customer_id: customer, value: given.payload.value ?? "" },
    timestamp,
  };
}

function checkTimestamp(world: World, timestamp: number): number {
  if (timestamp < world.now - PAST_DAYS_MAX * DAY_SECONDS)
    throw new Refusal(400, `The timestamp cannot be more than ${PAST_DAYS_MAX} days in past.`, { param: "timestamp" });
  if (timestamp > world.now + FUTURE_SECONDS_MAX)
    throw new Refusal(400, "The timestamp cannot be more than 5 minutes in the future.", { param: "timestamp" });
  return timestamp;
}

function checkValue(value: string): bigint {
  if (!/^-?\d+$/.test(value))
    throw new Refusal(400, `Invalid value: ${value}. Whole numbers only.`, { param: "payload[value]" });
  if (value.replace(/^-?0*/, "").length > DIGITS_MAX)
    throw new Refusal(400, `The value has more than ${DIGITS_MAX} digits.`, {
      code: "meter_event_value_too_many_digits",
      param: "payload[value]",
    });
  return BigInt(value);
}

function listSummaries({ world, ids: [id = ""], form }: Call): { [name: string]: Wire } {
  const given = read(form, {
    ...page,
    customer: text,
    start_time: integer,
    end_time: integer,
    value_grouping_window: z.enum(["hour", "day"]).optional(),
  });
  if (!world.meters.has(id)) throw missing("meter", id);
  customerOf(world, given.customer);
  const { start_time: start, end_time: end } = given;
  const step = given.value_grouping_window === undefined ? end - start : windowSeconds(given.value_grouping_window);
  const alignment = given.value_grouping_window === undefined ? 60 : step;
  if (start % alignment !== 0 || end % alignment !== 0 || end <= start)
    throw new Refusal(400, `start_time and end_time must lie on whole ${alignment} seconds, in this order.`, {
      param: "start_time",
    });
  const all: { id: string; from: number; value: bigint }[] = [];
  for (let from = start; from < end; from += step) {
    const value = usedOf(world, { meter: id, customer: given.customer, from, to: from + step });
    if (value !== 0n) all.push({ id: `mtrusg_${from}`, from, value });
  }
  const { items, hasMore } = pageOf(all.toReversed(), given);
  return listAnswer(
    items.map(({ id: summary, from, value }) => ({
      id: summary,
      object: "billing.meter_event_summary",
      aggregated_value: Number(value),
      end_time: from + step,
      livemode: false,
      meter: id,
      start_time: from,
    })),
    `/v1/billing/meters/${id}/event_summaries`,
    hasMore,
  );
}

export const meterEndpoints: Endpoints = {
  "POST /v1/billing/meters": createMeter,
  "GET /v1/billing/meters": ({ world, form }) => {
    const given = read(form, { ...page, status: z.enum(["active", "inactive"]).optional() });
    const all = [...world.meters.values()].filter(
      (meter) => given.status === undefined || meter.isActive === (given.status === "active"),
    );
    const { items, hasMore } = pageOf(all.toReversed(), given);
    return listAnswer(items.map(meterAnswer), "/v1/billing/meters", hasMore);
  },
  "GET /v1/billing/meters/{}": ({ world, ids: [id = ""], form }) => {
    read(form, { expand });
    const meter = world.meters.get(id);
    if (!meter) throw missing("meter", id);
    return meterAnswer(meter);
  },
  "POST /v1/billing/meters/{}": ({ world, ids: [id = ""], form }) => {
    const { display_name: displayName } = read(form, { display_name: text.optional() });
    const meter = world.meters.get(id);
    if (!meter) throw missing("meter", id);
    meter.displayName = displayName ?? meter.displayName;
    meter.updated = world.now;
    return meterAnswer(meter);
  },
  "POST /v1/billing/meters/{}/deactivate": ({ world, ids: [id = ""], form }) => {
    read(form, {});
    const meter = world.meters.get(id);
    if (!meter) throw missing("meter", id);
    meter.isActive = false;
    meter.updated = world.now;
    return meterAnswer(meter);
  },
  "POST /v1/billing/meter_events": createEvent,
  "GET /v1/billing/meters/{}/event_summaries": listSummaries,
};
