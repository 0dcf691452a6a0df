import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { recordUsage } from "#server/metering/ledger.ts";
import { sealHours } from "#server/metering/seals.ts";
import { usageFact } from "#server/metering/test-usage.ts";
import { parseCents } from "#server/std/money.ts";
import type { Id } from "#server/std/id.ts";
import { exportInvoice } from "../export.ts";
import { closeMonths } from "../month-close.ts";
import { noPayments } from "../no-payments.ts";
import { CPU_HOUR_NS, firstVersion } from "../price-book.ts";
import { addPriceVersion } from "../price-versions.ts";
import { testClock, testOrganization, type TestClock } from "../test-organization.ts";
import { checkExport } from "./check-export.ts";
import { Refused } from "./read-export.ts";

let database: TestDatabase;
let organizationId: Id<"organization">;
let clock: TestClock;
/** November, with a change of plan and of prices, and December, with something late of November. */
let november: string;
let december: string;

const HOURS = Number(CPU_HOUR_NS);

async function use(at: string, cpuHours: number, requests = 1): Promise<void> {
  const facts = Array.from({ length: requests }, () =>
    usageFact({
      organizationId,
      occurredAtMs: Date.parse(at),
      cpuNs: Math.round((cpuHours * HOURS) / requests),
      egressBytes: 123_457,
    }),
  );
  await recordUsage(database.db, facts);
}

async function close(at: string): Promise<void> {
  clock.at = at;
  await sealHours({ db: database.db, clock });
  await closeMonths({ db: database.db, clock, mail: null });
}

async function exported(number: string): Promise<string> {
  let text = "";
  for await (const line of exportInvoice(database.db, { organizationId, number })) text += line;
  return text;
}

async function* linesOf(text: string): AsyncGenerator<string> {
  yield* text.split("\n").slice(0, -1);
}

const check = (text: string) => checkExport(linesOf(text));

beforeAll(async () => {
  database = await testDatabase();
  const { db } = database;
  clock = testClock("2026-11-10T08:30:00Z");
  organizationId = await testOrganization(db, { plan: "free", createdAt: "2026-11-03T09:12:00Z" });
  await use("2026-11-05T10:15:00Z", 1.5, 3);
  await noPayments({ db, clock }).changePlan(organizationId, "pro", "");
  await use("2026-11-10T08:45:00Z", 7);
  await use("2026-11-20T23:59:59.999Z", 11.25, 4);
  const { free, pro } = firstVersion.plans;
  const cpu = { ...pro.meters.cpu, price: parseCents("9.5") };
  const plans = { free, pro: { ...pro, monthlyFee: parseCents("700"), meters: { ...pro.meters, cpu } } };
  await addPriceVersion({ db, clock }, { userId: "usr_ada", effectiveAt: new Date("2026-11-21T00:00:00Z"), plans });
  await use("2026-11-21T00:00:00.000Z", 3.337, 2);
  await close("2026-12-01T00:10:00Z");
  november = await exported("SLU-2026-000001");
  await use("2026-11-20T23:30:00Z", 2.75);
  await use("2026-11-30T12:00:00Z", 0.5);
  await use("2026-12-02T12:00:00Z", 12);
  await close("2027-01-01T00:10:00Z");
  december = await exported("SLU-2027-000001");
}, 120_000);
afterAll(() => database[Symbol.asyncDispose]());

test("a true export is accepted, with plans and prices that changed in mid-month and with something late", async () => {
  const first = await check(november);
  expect(first).toMatchObject({ number: "SLU-2026-000001", hours: 4, facts: 10n, hoursWithoutFacts: 0 });
  const second = await check(december);
  expect(second).toMatchObject({ number: "SLU-2027-000001", hours: 3, facts: 7n });
  const types = december
    .split("\n")
    .filter((line) => line.startsWith('{"entry":"line"') && line.includes('"type":"late"'));
  expect(types.length).toBeGreaterThan(0);
  const stored = await database.db.invoice.findMany({
    orderBy: { number: "asc" },
    select: { totalCents: true, sealHash: true },
  });
  expect([first, second].map(({ totalCents, sealHash }) => ({ totalCents, sealHash }))).toEqual(stored);
});

test("an export of November made after something came late still adds up, its facts under the newer seal", async () => {
  const later = await exported("SLU-2026-000001");
  expect(later).not.toBe(november);
  expect(await check(later)).toMatchObject({ totalCents: (await check(november)).totalCents, facts: 11n });
});

test("no single digit of an export can be changed", async () => {
  for (const text of [november, december]) {
    const digits = [...text.matchAll(/\d/g)].map(({ index }) => index);
    expect(digits.length).toBeGreaterThan(2_000);
    for (const at of digits) await expectRefused(flipped(text, at), at);
  }
}, 180_000);

test("nor can a forger who makes the file's digest again: each digit of seals, facts, counts, lines and sums is held by another", async () => {
  for (const text of [november, december]) {
    const held = [...text.matchAll(/^\{"entry":"(?:seal|fact|hour|line)".*$/gm)];
    for (const { index, 0: line } of held) {
      for (const digit of line.matchAll(/\d/g))
        await expectRefused(redigested(flipped(text, index + digit.index)), index + digit.index);
    }
    for (const field of ["total_cents", "seal_hash", "organization_id", "period_from", "period_to"]) {
      const at = text.indexOf(`"${field}":"`) + field.length + 4;
      const digit = /\d/.exec(text.slice(at));
      await expectRefused(redigested(flipped(text, at + (digit?.index ?? 0))), at);
    }
  }
}, 180_000);

test("no line can be taken out, put in twice or moved, even with the digest made again", async () => {
  const lines = november.split("\n").slice(0, -2);
  for (const [index, line] of lines.entries()) {
    if (/"entry":"(?:prices|plan)"/.test(line)) continue;
    await expectRefused(redigested([...lines.toSpliced(index, 1), "", ""].join("\n")), index);
    if (/"entry":"invoice"/.test(line)) continue;
    await expectRefused(redigested([...lines.toSpliced(index, 0, line), "", ""].join("\n")), index);
  }
  await expectRefused(november.slice(0, -200), 0);
  await expectRefused(`${november}{"entry":"line"}\n`, 0);
});

test("the command says yes and ends with 0, or says what does not hold and ends with 1", async () => {
  const dir = await mkdtemp(join(tmpdir(), "sluice-export-"));
  const run = async (text: string, ...args: string[]) => {
    await writeFile(join(dir, "export.jsonl"), text);
    const script = join(import.meta.dirname, "verify-export.ts");
    return promisify(execFile)(process.execPath, [script, join(dir, "export.jsonl"), ...args], {
      env: { NODE_ENV: "test" },
    }).then(
      ({ stdout }) => ({ code: 0, stdout }),
      ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout }),
    );
  };
  const { totalCents, sealHash } = await check(november);
  const total = `${totalCents / 100n}.${String(totalCents % 100n).padStart(2, "0")}`;
  expect(await run(november, "--total", total, "--seal", sealHash)).toEqual({
    code: 0,
    stdout: expect.stringContaining(`Invoice SLU-2026-000001: $${total}`),
  });
  expect(await run(november, "--seal", "ab".repeat(32))).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("Refused"),
  });
  expect(await run(november, "--total", "0.01")).toMatchObject({ code: 1 });
  expect(await run(flipped(november, november.indexOf('"cpu_ns":"') + 10))).toMatchObject({ code: 1 });
  await rm(dir, { recursive: true });
});

test("the verifier imports nothing of ours but the text of seals, and no package", async () => {
  const { readdir, readFile } = await import("node:fs/promises");
  for (const name of (await readdir(import.meta.dirname)).filter((file) => !file.endsWith(".test.ts"))) {
    const imports = [...(await readFile(join(import.meta.dirname, name), "utf8")).matchAll(/ from "([^"]+)"/g)].map(
      ([, from]) => from,
    );
    const foreign = imports.filter((from) => !/^(node:|\.\/|#server\/metering\/seal-text\.ts$)/.test(from ?? ""));
    expect(foreign, name).toEqual([]);
  }
});

function flipped(text: string, at: number): string {
  return `${text.slice(0, at)}${(Number(text[at]) + 1) % 10}${text.slice(at + 1)}`;
}

/** With the digest that a forger would put under it. */
function redigested(text: string): string {
  const body = text
    .split("\n")
    .slice(0, -2)
    .map((line) => `${line}\n`)
    .join("");
  return `${body}${JSON.stringify({ entry: "end", sha256: createHash("sha256").update(body).digest("hex") })}\n`;
}

async function expectRefused(text: string, at: number): Promise<void> {
  const outcome = await check(text).then(
    () => "accepted",
    (thrown: unknown) => (thrown instanceof Refused ? "refused" : String(thrown)),
  );
  if (outcome !== "refused") throw new Error(`${outcome} at ${at}: …${text.slice(Math.max(0, at - 80), at + 20)}`);
}
