import { connect } from "#server/db/client.ts";
import { firstVersion, type PriceBook } from "#server/billing/price-book.ts";
import { loadPriceBook } from "#server/billing/price-versions.ts";
import { EnvError, readStripeSetupEnv } from "#server/env.ts";
import { messageOf } from "#server/std/fault.ts";
import { createStripe } from "#server/stripe/client.ts";
import { setUp } from "#server/stripe/setup.ts";
import { WEBHOOK_PATH } from "#server/stripe/webhook-path.ts";

/**
 * `npm run stripe:setup`: makes at Stripe what Sluice needs there, and says what it made. Run it as often as you like.
 * With the embedded Postgres, which only runs under `npm start`, it makes the prices of the first version of the book; the
 * console makes those of later ones by itself.
 */
async function priceBook(databaseUrl: string | undefined): Promise<PriceBook> {
  if (databaseUrl === undefined) return [firstVersion];
  const db = connect(databaseUrl, { connectionsMax: 1 });
  try {
    return await loadPriceBook(db);
  } finally {
    await db.$disconnect();
  }
}

try {
  const env = readStripeSetupEnv();
  const stripe = createStripe({ secretKey: env.STRIPE_SECRET_KEY, apiBase: env.STRIPE_API_BASE });
  const webhookUrl = new URL(WEBHOOK_PATH, env.NEXTAUTH_URL).href;
  const { made, webhookSecret } = await setUp(stripe, { book: await priceBook(env.DATABASE_URL), webhookUrl });
  for (const what of made) console.log(`made      ${what}`);
  if (webhookSecret !== null)
    console.log(`\nPut this line into .env, then start again:\nSTRIPE_WEBHOOK_SECRET=${webhookSecret}`);
  console.log(made.length === 0 ? "Everything was there already." : `${made.length} made.`);
} catch (error) {
  process.stderr.write(
    `${error instanceof EnvError ? error.message : `Stripe could not be set up: ${messageOf(error)}`}\n`,
  );
  process.exit(1);
}
