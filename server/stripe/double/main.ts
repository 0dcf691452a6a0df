import { parseArgs } from "node:util";
import { StripeDouble, TEST_KEY } from "./double.ts";

/**
 * The double as a process of its own, for tests in a browser and for trying things out by hand:
 * `node server/stripe/double/main.ts --port 4710`. Its clock runs, and moves on when it is told to (control.ts).
 */
const DELIVER_EVERY_MS = 500;

const { values } = parseArgs({ options: { port: { type: "string", default: "0" }, now: { type: "string" } } });
const double = await StripeDouble.start({
  port: Number(values.port),
  nowMs: values.now === undefined ? Date.now() : Date.parse(values.now),
  ticks: true,
  limits: { perEndpoint: 25 },
});
process.stdout.write(`STRIPE_API_BASE=${double.url} STRIPE_SECRET_KEY=${TEST_KEY}\n`);

let isBusy = false;
setInterval(() => {
  if (isBusy) return;
  isBusy = true;
  double.settle();
  void double.deliveries.deliver().finally(() => (isBusy = false));
}, DELIVER_EVERY_MS);

for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void double.stop().then(() => process.exit(0)));
