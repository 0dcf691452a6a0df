import { afterAll, beforeAll, expect, test } from "vitest";
import { signUp } from "#server/accounts/sign-up.ts";
import { testFunction } from "#server/billing/test-function.ts";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { Role } from "#server/db/generated/enums.ts";
import { systemClock as clock } from "#server/std/clock.ts";
import type { Id } from "#server/std/id.ts";
import { createCaller } from "./root.ts";
import { testContext } from "./test-context.ts";

let database: TestDatabase;
let acme: Id<"organization">;
let member: Id<"user">;
let stranger: Id<"user">;

beforeAll(async () => {
  database = await testDatabase();
  ({ organizationId: acme } = await register("ada@example.com", "Acme"));
  ({ userId: member } = await register("bob@example.com", "Bob's"));
  ({ userId: stranger } = await register("eve@example.com", "Evil"));
  await testFunction(database.db, { organizationId: acme, name: "hello" });
  await database.db.member.create({ data: { organizationId: acme, userId: member, role: "viewer" } });
});
afterAll(() => database[Symbol.asyncDispose]());

function register(email: string, organization: string) {
  const account = { name: "Someone", email, password: "correct horse battery", organization };
  return signUp({ db: database.db, clock }, { ...account, clientAddress: "192.0.2.1" });
}

const callerOf = (userId: Id<"user">) => createCaller(testContext({ db: database.db, userId }));
const terms = { functionName: "hello", capCents: 5n, calls: 400 };
const inAcme = { organizationSlug: "acme" };

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "allowed",
    (thrown: unknown) => (thrown instanceof Error && "code" in thrown ? thrown.code : thrown),
  );
}

test("a drill is for those who may both change functions and read the bill; others neither start nor see one", async () => {
  const allowed: Record<string, unknown> = {};
  for (const role of Object.values(Role)) {
    await database.db.member.update({
      where: { organizationId_userId: { organizationId: acme, userId: member } },
      data: { role },
      select: { role: true },
    });
    allowed[role] = await codeOf(callerOf(member).drill.latest(inAcme));
    if (allowed[role] === "FORBIDDEN") {
      expect(await codeOf(callerOf(member).drill.start({ ...inAcme, ...terms }))).toBe("FORBIDDEN");
    }
  }
  expect(allowed).toEqual({
    owner: "allowed",
    admin: "allowed",
    developer: "FORBIDDEN",
    billing: "FORBIDDEN",
    viewer: "FORBIDDEN",
  });
  expect(await database.db.floodDrill.count()).toBe(0);
});

test("a stranger can't tell whether an organization or a drill exists", async () => {
  for (const organizationSlug of ["acme", "no-such-organization"]) {
    expect(await codeOf(callerOf(stranger).drill.latest({ organizationSlug }))).toBe("NOT_FOUND");
    expect(await codeOf(callerOf(stranger).drill.start({ organizationSlug, ...terms }))).toBe("NOT_FOUND");
  }
});

test("a cap or a flood beyond what a drill may cost the operator is told at its field", async () => {
  await database.db.member.update({
    where: { organizationId_userId: { organizationId: acme, userId: member } },
    data: { role: "owner" },
    select: { role: true },
  });
  const start = (change: Partial<typeof terms>) => callerOf(member).drill.start({ ...inAcme, ...terms, ...change });
  for (const change of [{ capCents: 0n }, { capCents: 1_001n }, { calls: 39 }, { calls: 2_001 }, { calls: 50.5 }]) {
    expect(await codeOf(start(change))).toBe("BAD_REQUEST");
  }
  expect(await codeOf(start({ functionName: "theirs" }))).toBe("NOT_FOUND");
  expect(await database.db.floodDrill.count()).toBe(0);
});
