import { expect, test } from "vitest";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { smtpMailer } from "./mailer.ts";
import { pruneMail, queueMail, sendMail } from "./outbox.ts";
import { testSmtp } from "./test-smtp.ts";

const start = Date.parse("2026-11-24T10:00:00Z");

function toolsOf({ db }: TestDatabase, url: string) {
  const clock = { at: start, nowMs: () => clock.at, monotonicUs: () => 0 };
  return { db, clock, mailer: smtpMailer({ url, from: "Sluice <sluice@example.com>" }) };
}

const queue = ({ db }: TestDatabase, subject: string) =>
  db.$transaction((tx) =>
    queueMail(tx, { to: "ada@example.com", subject, text: "Hello.\n.\nA dot alone on a line.", now: new Date(start) }),
  );

test("a message is sent once, as it was written, however many consoles look at the same time", async () => {
  await using database = await testDatabase();
  await using smtp = await testSmtp();
  const tools = toolsOf(database, smtp.url);
  await queue(database, "Ünïcode & “quotes”");
  const sent = await Promise.all([sendMail(tools), sendMail(tools), sendMail(tools)]);
  expect(sent.reduce((sum, one) => sum + one, 0)).toBe(1);
  expect(await sendMail(tools)).toBe(0);
  expect(smtp.taken).toHaveLength(1);
  const [message] = smtp.taken;
  expect(message?.to).toEqual(["ada@example.com"]);
  expect(message?.raw).toMatch(/^From: Sluice <sluice@example\.com>\r$/m);
  expect(message?.raw).toMatch(/^Subject: =\?UTF-8\?/m);
  expect(message?.raw).toContain("A dot alone on a line.");
  tools.mailer.close();
});

test("a server that refuses, or is away, is asked again, later each time, and its words are kept", async () => {
  await using database = await testDatabase();
  await using smtp = await testSmtp();
  const tools = toolsOf(database, smtp.url);
  smtp.refuseWith = "mailbox is full";
  await queue(database, "Again");
  const row = () => database.db.mailMessage.findFirstOrThrow({ select: { lastError: true, nextAttemptAt: true } });
  for (const waitMs of [60_000, 120_000, 240_000]) {
    expect(await sendMail(tools)).toBe(0);
    expect(await row()).toEqual({
      lastError: expect.stringContaining("mailbox is full"),
      nextAttemptAt: new Date(tools.clock.at + waitMs),
    });
    tools.clock.at += waitMs;
  }
  smtp.refuseWith = undefined;
  expect(await sendMail(tools)).toBe(1);
  tools.mailer.close();
});

test("a console that dies while it sends leaves the message to the next, after its claim has run out", async () => {
  await using database = await testDatabase();
  await using smtp = await testSmtp();
  const tools = toolsOf(database, smtp.url);
  await queue(database, "Claimed");
  const never = { send: () => new Promise<void>(() => undefined), close: () => undefined };
  void sendMail({ ...tools, mailer: never });
  await expect.poll(() => database.db.mailMessage.count({ where: { attempts: 1 } })).toBe(1);
  expect(await sendMail(tools)).toBe(0);
  tools.clock.at += 120_000;
  expect(await sendMail(tools)).toBe(1);
  expect(await pruneMail(database.db, new Date(tools.clock.at + 1))).toBe(1);
  tools.mailer.close();
});

test("a line break in a subject or an address adds no header", async () => {
  await using database = await testDatabase();
  await using smtp = await testSmtp();
  const tools = toolsOf(database, smtp.url);
  await queue(database, "Acme\r\nBcc: eve@example.com");
  await sendMail(tools);
  expect(smtp.taken[0]?.to).toEqual(["ada@example.com"]);
  expect(smtp.taken[0]?.raw).not.toMatch(/^Bcc:/m);
  tools.mailer.close();
});
