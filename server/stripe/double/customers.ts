import type { Call, Endpoints } from "./endpoints.ts";
import { emit } from "./events.ts";
import { expand, expandable, listAnswer, mergeMetadata, metadata, page, pageOf, read, text } from "./reading.ts";
import { missing } from "./refusal.ts";
import type { Wire } from "./shape.ts";
import type { Customer, PaymentMethod, World } from "./world.ts";
import { z } from "zod";

export function customerOf(world: World, id: string, param = "customer"): Customer {
  const customer = world.customers.get(id);
  if (!customer || customer.isDeleted) throw missing("customer", id, param);
  return customer;
}

export function paymentMethodOf(world: World, id: string, param = "payment_method"): PaymentMethod {
  const method = world.paymentMethods.get(id);
  if (!method) throw missing("PaymentMethod", id, param);
  return method;
}

export function customerAnswer(customer: Customer): { [name: string]: Wire } {
  return {
    id: customer.id,
    object: "customer",
    created: customer.created,
    email: customer.email,
    name: customer.name,
    livemode: false,
    metadata: customer.metadata,
    balance: 0,
    invoice_settings: {
      default_payment_method: customer.defaultPaymentMethod,
      custom_fields: null,
      footer: null,
      rendering_options: null,
    },
  };
}

export function paymentMethodAnswer(method: PaymentMethod): { [name: string]: Wire } {
  return {
    id: method.id,
    object: "payment_method",
    created: method.created,
    customer: method.customer,
    livemode: false,
    type: "card",
    metadata: {},
    card: { brand: method.brand, last4: method.last4, exp_month: 12, exp_year: 2034 },
  };
}

const invoiceSettings = z.strictObject({ default_payment_method: text.optional() }).optional();

function updateCustomer({ world, ids: [id = ""], form }: Call): { [name: string]: Wire } {
  const customer = customerOf(world, id, "id");
  const given = read(form, {
    email: text.optional(),
    name: text.optional(),
    metadata: metadata.optional(),
    invoice_settings: invoiceSettings,
  });
  const method = given.invoice_settings?.default_payment_method;
  if (method !== undefined && method !== "") {
    if (paymentMethodOf(world, method).customer !== id) throw missing("PaymentMethod", method, "payment_method");
    customer.defaultPaymentMethod = method;
  } else if (method === "") {
    customer.defaultPaymentMethod = null;
  }
  customer.email = given.email ?? customer.email;
  customer.name = given.name ?? customer.name;
  mergeMetadata(customer.metadata, given.metadata);
  const answer = customerAnswer(customer);
  emit(world, "customer.updated", answer);
  return answer;
}

export const customerEndpoints: Endpoints = {
  "POST /v1/customers": ({ world, form }) => {
    const given = read(form, { email: text.optional(), name: text.optional(), metadata: metadata.optional() });
    const customer: Customer = {
      id: world.newId("cus"),
      created: world.now,
      email: given.email ?? null,
      name: given.name ?? null,
      metadata: given.metadata ?? {},
      defaultPaymentMethod: null,
      isDeleted: false,
    };
    world.customers.set(customer.id, customer);
    emit(world, "customer.created", customerAnswer(customer));
    return customerAnswer(customer);
  },
  "GET /v1/customers": ({ world, form }) => {
    const given = read(form, { ...page, email: text.optional() });
    const all = [...world.customers.values()].filter(
      (one) => !one.isDeleted && (given.email === undefined || one.email === given.email),
    );
    const { items, hasMore } = pageOf(all.toReversed(), given);
    return listAnswer(items.map(customerAnswer), "/v1/customers", hasMore);
  },
  "GET /v1/customers/{}": ({ world, ids: [id = ""], form }) => {
    const { expand: expanded } = read(form, { expand: expandable("invoice_settings.default_payment_method") });
    const customer = world.customers.get(id);
    if (!customer) throw missing("customer", id);
    if (customer.isDeleted) return { id, object: "customer", deleted: true };
    const answer = customerAnswer(customer);
    if (expanded?.includes("invoice_settings.default_payment_method") && customer.defaultPaymentMethod !== null) {
      const method = paymentMethodAnswer(paymentMethodOf(world, customer.defaultPaymentMethod));
      return {
        ...answer,
        invoice_settings: {
          default_payment_method: method,
          custom_fields: null,
          footer: null,
          rendering_options: null,
        },
      };
    }
    return answer;
  },
  "POST /v1/customers/{}": updateCustomer,
  "DELETE /v1/customers/{}": ({ world, ids: [id = ""], form }) => {
    read(form, {});
    const customer = customerOf(world, id, "id");
    emit(world, "customer.deleted", customerAnswer(customer));
    customer.isDeleted = true;
    return { id, object: "customer", deleted: true };
  },
  "GET /v1/payment_methods/{}": ({ world, ids: [id = ""], form }) => {
    read(form, { expand });
    return paymentMethodAnswer(paymentMethodOf(world, id, "id"));
  },
  "GET /v1/customers/{}/payment_methods": ({ world, ids: [id = ""], form }) => {
    const given = read(form, { ...page, type: text.optional() });
    customerOf(world, id, "id");
    const { items, hasMore } = pageOf(
      [...world.paymentMethods.values()].filter((one) => one.customer === id).toReversed(),
      given,
    );
    return listAnswer(items.map(paymentMethodAnswer), `/v1/customers/${id}/payment_methods`, hasMore);
  },
  "POST /v1/payment_methods/{}/detach": ({ world, ids: [id = ""], form }) => {
    read(form, {});
    const method = paymentMethodOf(world, id, "id");
    const owner = method.customer === null ? undefined : world.customers.get(method.customer);
    if (owner?.defaultPaymentMethod === id) owner.defaultPaymentMethod = null;
    method.customer = null;
    emit(world, "payment_method.detached", paymentMethodAnswer(method));
    return paymentMethodAnswer(method);
  },
};
