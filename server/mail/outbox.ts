import type { Db, Tx } from "#server/db/client.ts";
import type { Clock } from "#server/std/clock.ts";
import { messageOf } from "#server/std/fault.ts";
import { newId } from "#server/std/id.ts";
import type { Mailer, Message } from "./mailer.ts";

const AT_ONCE = 20;
/** How long a message belongs to the console that took it: longer than any sending may last. */
const CLAIM_MS = 120_000;
const RETRY_MS_MIN = 60_000;
const RETRY_MS_MAX = 6 * 3_600_000;
const ATTEMPTS_MAX = 12;

/** Puts a message into the outbox, in the transaction of what it tells: one is not there without the other. */
export async function queueMail(tx: Tx, message: Message & { now: Date }): Promise<void> {
  const { now, ...mail } = message;
  await tx.mailMessage.create({ data: { id: newId("mail"), ...mail, nextAttemptAt: now }, select: { id: true } });
}

type Claimed = Message & { id: string; attempts: number };

/**
 * Sends what is due, each message by one console at a time. One that the server does not take is tried again, later each
 * time, and kept with the server's words after the last. A console that is killed between the server's yes and our note of it
 * sends a message twice: for a notice that is better than never. Returns how many were sent.
 */
export async function sendMail(tools: { db: Db; clock: Clock; mailer: Mailer }): Promise<number> {
  let sent = 0;
  for (const message of await claim(tools)) {
    const error = await tools.mailer.send(message).then(
      () => undefined,
      (thrown: unknown) => messageOf(thrown),
    );
    await note(tools, message, error);
    if (error === undefined) sent += 1;
  }
  return sent;
}

async function claim({ db, clock }: { db: Db; clock: Clock }): Promise<Claimed[]> {
  const now = new Date(clock.nowMs());
  return db.$queryRaw<Claimed[]>`
    UPDATE mail_message SET next_attempt_at = ${new Date(now.getTime() + CLAIM_MS)}, attempts = attempts + 1
    WHERE id IN (
      SELECT id FROM mail_message WHERE sent_at IS NULL AND next_attempt_at <= ${now} AND attempts < ${ATTEMPTS_MAX}
      ORDER BY next_attempt_at LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED
    )
    RETURNING id, "to", subject, text, attempts`;
}

async function note({ db, clock }: { db: Db; clock: Clock }, message: Claimed, error: string | undefined) {
  const now = clock.nowMs();
  const waitMs = Math.min(RETRY_MS_MIN * 2 ** (message.attempts - 1), RETRY_MS_MAX);
  await db.mailMessage.update({
    where: { id: message.id },
    data:
      error === undefined
        ? { sentAt: new Date(now), lastError: null }
        : { nextAttemptAt: new Date(now + waitMs), lastError: error.slice(0, 500) },
    select: { id: true },
  });
}

/** Forgets messages that were sent before a moment. */
export async function pruneMail(db: Db, before: Date): Promise<number> {
  const { count } = await db.mailMessage.deleteMany({ where: { sentAt: { lt: before } } });
  return count;
}
