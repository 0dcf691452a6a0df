/** Where Stripe's events arrive: the route handler of that path. */
export const WEBHOOK_PATH = "/api/stripe/webhook";
