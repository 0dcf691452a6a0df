import { z } from "zod";
import { customerOf } from "./customers.ts";
import type { Endpoints } from "./endpoints.ts";
import { expand, flag, listAnswer, mergeMetadata, metadata, page, pageOf, read, text, texts } from "./reading.ts";
import { missing } from "./refusal.ts";
import type { Wire } from "./shape.ts";
import type { PortalConfiguration } from "./world.ts";

const enabled = z.strictObject({ enabled: flag }).optional();
const features = z.strictObject({
  payment_method_update: enabled,
  invoice_history: enabled,
  customer_update: z.strictObject({ enabled: flag, allowed_updates: texts.optional() }).optional(),
  subscription_cancel: z.strictObject({ enabled: flag }).optional(),
  subscription_update: z.strictObject({ enabled: flag }).optional(),
});

function featuresAnswer(given: z.infer<typeof features>): { [name: string]: Wire } {
  const off = { enabled: false };
  return {
    payment_method_update: given.payment_method_update ?? off,
    invoice_history: given.invoice_history ?? off,
    customer_update: {
      enabled: given.customer_update?.enabled ?? false,
      allowed_updates: given.customer_update?.allowed_updates ?? [],
    },
    subscription_cancel: given.subscription_cancel ?? off,
    subscription_update: given.subscription_update ?? off,
  };
}

function configurationAnswer(one: PortalConfiguration): { [name: string]: Wire } {
  return {
    id: one.id,
    object: "billing_portal.configuration",
    active: one.isActive,
    created: one.created,
    default_return_url: one.defaultReturnUrl,
    features: one.features,
    is_default: false,
    livemode: false,
    metadata: one.metadata,
    updated: one.updated,
  };
}

export const portalEndpoints: Endpoints = {
  "POST /v1/billing_portal/configurations": ({ world, form }) => {
    const given = read(form, {
      features,
      metadata: metadata.optional(),
      default_return_url: text.optional(),
      business_profile: z.strictObject({ headline: text.optional() }).optional(),
    });
    const configuration: PortalConfiguration = {
      id: world.newId("bpc"),
      created: world.now,
      updated: world.now,
      isActive: true,
      metadata: given.metadata ?? {},
      features: featuresAnswer(given.features),
      defaultReturnUrl: given.default_return_url ?? null,
    };
    world.portalConfigurations.set(configuration.id, configuration);
    return configurationAnswer(configuration);
  },
  "GET /v1/billing_portal/configurations": ({ world, form }) => {
    const given = read(form, { ...page, active: flag.optional() });
    const all = [...world.portalConfigurations.values()].filter(
      (one) => given.active === undefined || one.isActive === given.active,
    );
    const { items, hasMore } = pageOf(all.toReversed(), given);
    return listAnswer(items.map(configurationAnswer), "/v1/billing_portal/configurations", hasMore);
  },
  "POST /v1/billing_portal/configurations/{}": ({ world, ids: [id = ""], form }) => {
    const configuration = world.portalConfigurations.get(id);
    if (!configuration) throw missing("configuration", id);
    const given = read(form, { features: features.optional(), metadata: metadata.optional(), active: flag.optional() });
    if (given.features) configuration.features = featuresAnswer(given.features);
    configuration.isActive = given.active ?? configuration.isActive;
    configuration.updated = world.now;
    mergeMetadata(configuration.metadata, given.metadata);
    return configurationAnswer(configuration);
  },
  "POST /v1/billing_portal/sessions": ({ world, form }) => {
    const given = read(form, {
      customer: text,
      configuration: text,
      return_url: text.optional(),
      flow_data: z.strictObject({ type: z.literal("payment_method_update") }).optional(),
      expand,
    });
    customerOf(world, given.customer);
    if (world.portalConfigurations.get(given.configuration)?.isActive !== true)
      throw missing("configuration", given.configuration, "configuration");
    const id = world.newId("bps");
    const session = {
      id,
      created: world.now,
      customer: given.customer,
      configuration: given.configuration,
      returnUrl: given.return_url ?? null,
    };
    world.portalSessions.set(id, session);
    return {
      id,
      object: "billing_portal.session",
      configuration: given.configuration,
      created: world.now,
      customer: given.customer,
      livemode: false,
      return_url: session.returnUrl,
      url: `${world.origin}/p/session/${id}`,
    };
  },
};
