import { TRPCError } from "@trpc/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { callOf, lineOf, loggedFunction, store, type LoggedFunction } from "#server/metering/test-log-data.ts";
import { asId, newId, type Id } from "#server/std/id.ts";
import { createCaller } from "./root.ts";
import { testContext } from "./test-context.ts";

let database: TestDatabase;
let shop: LoggedFunction;
let other: LoggedFunction;
let viewer: Id<"user">;
let named: { organizationSlug: string; name: string };

beforeAll(async () => {
  database = await testDatabase();
  const { db } = database;
  [shop, other] = [await loggedFunction(db), await loggedFunction(db)];
  viewer = newId("user");
  await db.user.create({ data: { id: viewer, name: "Viewer", email: "viewer@example.com" }, select: { id: true } });
  const { organizationId } = shop;
  await db.member.create({ data: { organizationId, userId: viewer, role: "viewer" }, select: { role: true } });
  const [organization, own] = await Promise.all([
    db.organization.findUniqueOrThrow({ where: { id: organizationId }, select: { slug: true } }),
    db.function.findUniqueOrThrow({ where: { id: shop.functionId }, select: { name: true } }),
  ]);
  named = { organizationSlug: organization.slug, name: own.name };
});
afterAll(() => database[Symbol.asyncDispose]());

const log = () => createCaller(testContext({ db: database.db, userId: viewer })).log;

test("a viewer reads the log, and follows from where the search began without missing or doubling a line", async () => {
  const call = callOf(shop, { path: "/orders", status: 404 });
  const line = (message: string) => lineOf(shop, { message, requestId: call.requestId });
  await store(database.db, { lines: [line("first"), line("second")] });
  const page = await log().search({ ...named, filter: {} });
  expect(page.lines.map(({ message }) => message)).toEqual(["first", "second"]);
  expect(page).toMatchObject({ requests: [], older: null, after: expect.stringContaining("~") });
  await store(database.db, { lines: [line("third")], calls: [call] });
  const following = { ...named, filter: {}, openRequestIds: [call.requestId] };
  const tail = await log().follow({ ...following, after: page.after ?? "" });
  expect(tail.lines.map(({ message, versionNumber }) => [message, versionNumber])).toEqual([["third", 1]]);
  expect(tail.requests).toMatchObject([{ requestId: call.requestId, path: "/orders", status: 404, versionNumber: 1 }]);
  expect(await log().follow({ ...following, openRequestIds: [], after: tail.after })).toMatchObject({
    lines: [],
    requests: [],
  });
});

test("a page that follows an earlier one does not say where to follow the log from, as that was said already", async () => {
  const page = await log().search({ ...named, filter: {}, before: `m.${Date.now()}.0.0` });
  expect(page.after).toBeNull();
});

test("another organization's request is not found by its id, whoever knows it", async () => {
  const foreign = callOf(other, { status: 500 });
  await store(database.db, {
    calls: [foreign],
    lines: [lineOf(other, { message: "theirs", requestId: foreign.requestId })],
  });
  const requestId = asId("request", foreign.requestId);
  const page = await log().search({ ...named, filter: { requestId } });
  expect([page.lines, page.requests]).toEqual([[], []]);
  const tail = await log().follow({ ...named, filter: { requestId }, after: "~", openRequestIds: [requestId] });
  expect([tail.lines, tail.requests]).toEqual([[], []]);
});

test.each([
  { text: "x".repeat(201) },
  { status: "9xx" },
  { status: "404 OR true" },
  { version: 1.5 },
  { fromMs: Number.NaN },
  { toMs: 1e300 },
])("a filter that can't be, %j, is refused at the door", async (filter) => {
  const refused = log().search({ ...named, filter });
  await expect(refused).rejects.toBeInstanceOf(TRPCError);
  await expect(refused).rejects.toMatchObject({ code: "BAD_REQUEST" });
});
