import { raiseAlerts } from "#server/billing/alerts.ts";
import { keepBudgets } from "#server/billing/budget-keeper.ts";
import { closeMonths } from "#server/billing/month-close.ts";
import { sweepDrills } from "#server/billing/drill-remains.ts";
import { connect } from "#server/db/client.ts";
import { mailFrom, organizationUrl, type ConsoleEnv } from "#server/env.ts";
import { smtpMailer } from "#server/mail/mailer.ts";
import { pruneMail, sendMail } from "#server/mail/outbox.ts";
import { DAY_MS, systemClock } from "#server/std/clock.ts";
import { createLog } from "#server/std/log.ts";
import { repeat, type Job } from "./repeat.ts";

const BUDGETS_EVERY_MS = 2_000;
const ALERTS_EVERY_MS = 5_000;
const MAIL_EVERY_MS = 2_000;
const INVOICES_EVERY_MS = 20_000;
const DRILLS_EVERY_MS = 30_000;
const MAIL_KEPT_MS = 30 * DAY_MS;

export type BillingJobs = { stop(): Promise<void> };

/** What billing does by itself, for as long as the console runs. Each job may run in several consoles at once. */
export function startBilling(env: ConsoleEnv): BillingJobs {
  const db = connect(env.DATABASE_URL, { connectionsMax: 3 });
  const log = createLog("console", env.LOG_LEVEL);
  const clock = systemClock;
  const mailer = env.SMTP_URL === undefined ? null : smtpMailer({ url: env.SMTP_URL, from: mailFrom(env) });
  const mail = mailer && { billingUrl: (slug: string) => organizationUrl(env, `${slug}/billing`) };
  const job = (name: string, everyMs: number, work: () => Promise<number>): Job => ({
    name,
    everyMs,
    run: async () => {
      const count = await work();
      if (count > 0) log.info({ job: name, count }, `${name}: ${count}`);
    },
  });
  const jobs = [
    job("budgets", BUDGETS_EVERY_MS, () => keepBudgets({ db, clock })),
    job("alerts", ALERTS_EVERY_MS, () => raiseAlerts({ db, clock, mail })),
    ...(mailer ? [job("mail", MAIL_EVERY_MS, () => sendMail({ db, clock, mailer }))] : []),
    job("invoices", INVOICES_EVERY_MS, () => closeMonths({ db, clock, mail })),
    job("flood drills", DRILLS_EVERY_MS, () => sweepDrills({ db, clock })),
    job("old mail", DAY_MS, () => pruneMail(db, new Date(clock.nowMs() - MAIL_KEPT_MS))),
  ];
  const running = jobs.map((each) => repeat(each, log));
  return {
    async stop() {
      await Promise.all(running.map((each) => each.stop()));
      mailer?.close();
      await db.$disconnect();
    },
  };
}
