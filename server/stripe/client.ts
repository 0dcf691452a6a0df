import Stripe from "stripe";

/** The version that the SDK's types describe. Pinned, so that neither an account's default nor a new SDK changes what we get. */
export const API_VERSION = "2026-10-28.endive";

const TIMEOUT_MS = 20_000;

export type StripeSettings = {
  secretKey: string;
  /** Another host than Stripe's, for tests: "http://127.0.0.1:4710". */
  apiBase?: string | undefined;
  timeoutMs?: number | undefined;
};

/**
 * The SDK as this room uses it. It retries nothing by itself (a broken connection excepted, which it always tries once
 * more under the same key): who asks knows whether a second try is safe, and under which key.
 */
export function createStripe({ secretKey, apiBase, timeoutMs = TIMEOUT_MS }: StripeSettings): Stripe {
  return new Stripe(secretKey, {
    apiVersion: API_VERSION,
    telemetry: false,
    maxNetworkRetries: 0,
    timeout: timeoutMs,
    appInfo: { name: "Sluice" },
    ...(apiBase === undefined ? {} : hostOf(apiBase)),
  });
}

function hostOf(apiBase: string): { host: string; port?: string; protocol: "http" | "https" } {
  const { hostname, port, protocol } = new URL(apiBase);
  return {
    host: hostname,
    protocol: protocol === "http:" ? "http" : "https",
    ...(port === "" ? {} : { port }),
  };
}
