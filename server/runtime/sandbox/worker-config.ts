import type { Binding } from "#server/contract/bindings.ts";
import type { VersionSpec } from "#server/contract/prepare.ts";
import { encodeMessage, type Fields, type Value } from "./capnp.ts";
import { guestModules } from "./guest.ts";

/**
 * The configuration of an instance in workerd's binary form. Field and tag numbers are those of workerd.capnp, which
 * the npm package carries, laid out by `capnp compile -ocapnp`; Cap'n Proto never moves a field once it is published.
 */
export const SOCKET_NAME = "http";
/** Where the sandbox sees the socket that leads to the platform. */
export const OUT_SOCKET = "/s/out.sock";

/** Headers between gateway and instance. workerd takes the first two away; a caller's own are never passed on. */
export const headerNames = {
  proto: "x-sluice-proto",
  cf: "x-sluice-cf",
  requestId: "x-request-id",
  outcome: "x-sluice-outcome",
  /** On what a binding sends to the platform: its name. workerd sets it, whatever the function's code does. */
  binding: "x-sluice-binding",
} as const;

/** AsyncLocalStorage, for telling requests' log lines apart; it needs no flag from this date on. */
const NODEJS_COMPAT_DEFAULT_DATE = "2026-08-04";

const layouts = {
  config: { dataWords: 1, pointers: 7 },
  logging: { dataWords: 1, pointers: 2 },
  socket: { dataWords: 2, pointers: 5 },
  service: { dataWords: 1, pointers: 2 },
  serviceDesignator: { dataWords: 1, pointers: 3 },
  worker: { dataWords: 1, pointers: 16 },
  module: { dataWords: 1, pointers: 3 },
  externalServer: { dataWords: 1, pointers: 4 },
  httpOptions: { dataWords: 1, pointers: 5 },
  header: { dataWords: 0, pointers: 2 },
  binding: { dataWords: 1, pointers: 6 },
} as const;

const SERVICE_WORKER = 1;
const SERVICE_EXTERNAL = 3;
const STYLE_PROXY = 1;
const BINDING_KV_NAMESPACE = 9;

export function encodeWorkerConfig(spec: VersionSpec): Buffer {
  const services: Fields[] = [
    { uint16: { 0: SERVICE_WORKER }, pointers: { 0: text("main"), 1: worker(spec) } },
    { uint16: { 0: SERVICE_EXTERNAL }, pointers: { 0: text("internet"), 1: egress() } },
    ...spec.bindings.map(({ name }) => ({
      uint16: { 0: SERVICE_EXTERNAL },
      pointers: { 0: text(serviceOf(name)), 1: bindingService(name) },
    })),
  ];
  return encodeMessage({
    kind: "struct",
    layout: layouts.config,
    fields: {
      pointers: {
        0: { kind: "structs", layout: layouts.service, items: services },
        1: { kind: "structs", layout: layouts.socket, items: [socket()] },
        2: { kind: "texts", items: [`--max-heap-size=${spec.limits.memoryMbMax}`] },
        5: { kind: "struct", layout: layouts.logging, fields: { uint16: { 0: 1 }, pointers: {} } },
      },
    },
  });
}

function worker(spec: VersionSpec): Value {
  const modules = guestModules(spec.bundle, spec.limits.memoryMbMax).map(({ name, source }) => ({
    pointers: { 0: text(name), 1: text(source) },
  }));
  const flags = spec.compatibilityDate < NODEJS_COMPAT_DEFAULT_DATE ? ["nodejs_compat"] : [];
  return {
    kind: "struct",
    layout: layouts.worker,
    fields: {
      pointers: {
        0: { kind: "structs", layout: layouts.module, items: modules },
        1: text(spec.compatibilityDate),
        2: { kind: "texts", items: flags },
        3: { kind: "structs", layout: layouts.binding, items: spec.bindings.map(kvBinding) },
        4: designator("internet"), // the default would be the same, but a reader without the schema's defaults sees none
      },
    },
  };
}

/** All that leaves goes through the platform's socket, which resolves and connects (server/runtime/platform/egress.ts). */
function egress(): Value {
  const options: Value = {
    kind: "struct",
    layout: layouts.httpOptions,
    fields: { uint16: { 0: STYLE_PROXY }, pointers: {} },
  };
  return {
    kind: "struct",
    layout: layouts.externalServer,
    fields: { pointers: { 0: text(`unix:${OUT_SOCKET}`), 1: options } },
  };
}

function kvBinding({ name }: Binding): Fields {
  return { uint16: { 0: BINDING_KV_NAMESPACE }, pointers: { 0: text(name), 1: designator(serviceOf(name)) } };
}

/** Beside "main" and "internet", which no binding's can be. */
function serviceOf(bindingName: string): string {
  return `binding:${bindingName}`;
}

/** The same socket, in plain HTTP: so what a binding asks is never taken for a fetch, nor a fetch for it (platform/egress.ts). */
function bindingService(name: string): Value {
  const header: Fields = { pointers: { 0: text(headerNames.binding), 1: text(name) } };
  const options: Value = {
    kind: "struct",
    layout: layouts.httpOptions,
    fields: { pointers: { 2: { kind: "structs", layout: layouts.header, items: [header] } } },
  };
  return {
    kind: "struct",
    layout: layouts.externalServer,
    fields: { pointers: { 0: text(`unix:${OUT_SOCKET}`), 1: options } },
  };
}

/** The address is given on the command line, as an inherited descriptor. */
function socket(): Fields {
  const options: Value = {
    kind: "struct",
    layout: layouts.httpOptions,
    fields: { pointers: { 0: text(headerNames.proto), 1: text(headerNames.cf) } },
  };
  return { pointers: { 0: text(SOCKET_NAME), 2: options, 4: designator("main") } };
}

function designator(name: string): Value {
  return { kind: "struct", layout: layouts.serviceDesignator, fields: { pointers: { 0: text(name) } } };
}

function text(content: string): Value {
  return { kind: "text", text: content };
}
