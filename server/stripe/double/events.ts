import type { Endpoints } from "./endpoints.ts";
import { expand, flag, integer, listAnswer, metadata, page, pageOf, read, text, texts } from "./reading.ts";
import { missing, Refusal } from "./refusal.ts";
import type { Wire } from "./shape.ts";
import type { StripeEvent, WebhookEndpoint, World } from "./world.ts";
import { z } from "zod";

/** The version that the SDK pins; endpoints that pin another get other shapes, which this double does not have. */
export const API_VERSION = "2026-10-28.endive";
const KEPT_SECONDS = 30 * 86_400;

/** Writes an event down. It goes out to the endpoints that asked for its type when deliveries are due. */
export function emit(world: World, type: string, object: { [name: string]: Wire }): string {
  const asked = [...world.webhookEndpoints.values()].filter((endpoint) => endpoint.isEnabled && hears(endpoint, type));
  const event: StripeEvent = {
    id: world.newId("evt"),
    created: world.now,
    type,
    object: structuredClone(object),
    pending: asked.length,
    wasDelivered: asked.length === 0,
  };
  world.events.set(event.id, event);
  return event.id;
}

export function hears(endpoint: WebhookEndpoint, type: string): boolean {
  return endpoint.events.includes("*") || endpoint.events.includes(type);
}

export function eventAnswer(event: StripeEvent): { [name: string]: Wire } {
  return {
    id: event.id,
    object: "event",
    api_version: API_VERSION,
    created: event.created,
    data: { object: event.object },
    livemode: false,
    pending_webhooks: event.pending,
    request: { id: null, idempotency_key: null },
    type: event.type,
  };
}

function endpointAnswer(endpoint: WebhookEndpoint): { [name: string]: Wire } {
  return {
    id: endpoint.id,
    object: "webhook_endpoint",
    api_version: endpoint.apiVersion,
    application: null,
    created: endpoint.created,
    description: endpoint.description,
    enabled_events: endpoint.events,
    livemode: false,
    metadata: endpoint.metadata,
    status: endpoint.isEnabled ? "enabled" : "disabled",
    url: endpoint.url,
  };
}

const range = z
  .strictObject({ gt: integer.optional(), gte: integer.optional(), lt: integer.optional(), lte: integer.optional() })
  .optional();

export const eventEndpoints: Endpoints = {
  "GET /v1/events": ({ world, form }) => {
    const given = read(form, {
      ...page,
      created: range,
      delivery_success: flag.optional(),
      type: text.optional(),
      types: texts.max(20).optional(),
    });
    const { gte = 0, gt = -1, lt = Infinity, lte = Infinity } = given.created ?? {};
    const all = [...world.events.values()].filter(
      ({ created, type, wasDelivered }) =>
        created > world.now - KEPT_SECONDS &&
        created >= gte &&
        created > gt &&
        created < lt &&
        created <= lte &&
        (given.type === undefined || given.type === type) &&
        (given.types === undefined || given.types.includes(type)) &&
        (given.delivery_success === undefined || given.delivery_success === wasDelivered),
    );
    const { items, hasMore } = pageOf(all.toReversed(), given);
    return listAnswer(items.map(eventAnswer), "/v1/events", hasMore);
  },
  "GET /v1/events/{}": ({ world, ids: [id = ""], form }) => {
    read(form, { expand });
    const event = world.events.get(id);
    if (!event || event.created <= world.now - KEPT_SECONDS) throw missing("event", id);
    return eventAnswer(event);
  },
  "POST /v1/webhook_endpoints": ({ world, form }) => {
    const given = read(form, {
      url: text,
      enabled_events: texts,
      api_version: text.optional(),
      description: text.optional(),
      metadata: metadata.optional(),
    });
    if (!URL.canParse(given.url))
      throw new Refusal(400, `Invalid URL: ${given.url}`, { code: "url_invalid", param: "url" });
    const id = world.newId("we");
    const endpoint: WebhookEndpoint = {
      id,
      created: world.now,
      url: given.url,
      events: given.enabled_events,
      apiVersion: given.api_version ?? API_VERSION,
      secret: `whsec_${id.slice(3)}`,
      isEnabled: true,
      description: given.description ?? null,
      metadata: given.metadata ?? {},
    };
    world.webhookEndpoints.set(id, endpoint);
    // The secret is in this one answer and in no later one.
    return { ...endpointAnswer(endpoint), secret: endpoint.secret };
  },
  "GET /v1/webhook_endpoints": ({ world, form }) => {
    const { items, hasMore } = pageOf([...world.webhookEndpoints.values()].toReversed(), read(form, page));
    return listAnswer(items.map(endpointAnswer), "/v1/webhook_endpoints", hasMore);
  },
  "POST /v1/webhook_endpoints/{}": ({ world, ids: [id = ""], form }) => {
    const endpoint = world.webhookEndpoints.get(id);
    if (!endpoint) throw missing("webhook endpoint", id);
    const given = read(form, {
      url: text.optional(),
      enabled_events: texts.optional(),
      disabled: flag.optional(),
      description: text.optional(),
      metadata: metadata.optional(),
    });
    endpoint.url = given.url ?? endpoint.url;
    endpoint.events = given.enabled_events ?? endpoint.events;
    endpoint.isEnabled = given.disabled === undefined ? endpoint.isEnabled : !given.disabled;
    return endpointAnswer(endpoint);
  },
};
