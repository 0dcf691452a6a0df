import { expect, test } from "vitest";
import type { LogLine, LoggedRequest } from "../_requests/call.ts";
import { groupsOf, openRequestIds, partsOf, withNew } from "./log-groups.ts";

const line = (id: string, requestId: string | null, atMs: number): LogLine => ({
  id,
  requestId,
  versionNumber: 1,
  atMs,
  level: "log",
  message: id,
});
const request = (requestId: string, occurredAtMs: number): LoggedRequest => ({
  requestId,
  functionId: "fn_1",
  versionNumber: 1,
  occurredAtMs,
  method: "GET",
  path: "/",
  status: 200,
  outcome: "ok",
  wallUs: 1,
  cpuNs: 1n,
  ingressBytes: 0n,
  egressBytes: 0n,
  coldStart: false,
});

test("requests that ran at once keep their own lines, each in the order in which it printed them, newest request first", () => {
  const groups = groupsOf(
    [line("1.3", "b", 12), line("1.2", "a", 11), line("1.1", "a", 11), line("1.2", "a", 11)],
    [request("a", 10), request("quiet", 20)],
  );
  expect(groups.map(({ key, lines }) => [key, lines.map(({ id }) => id)])).toEqual([
    ["quiet", []],
    ["b", ["1.3"]],
    ["a", ["1.1", "1.2"]],
  ]);
});

test("what two start-ups print outside of requests stands apart, whichever came first to the page", () => {
  const lines = [line("1.2", null, 60_500), line("1.1", null, 60_000), line("1.3", null, 90_000)];
  const keys = groupsOf(lines, []).map(({ lines: own }) => own.map(({ id }) => id));
  expect(keys).toEqual([["1.3"], ["1.1", "1.2"]]);
  expect(groupsOf(lines.toReversed(), []).map(({ lines: own }) => own.map(({ id }) => id))).toEqual(keys);
});

test("only requests that are not known to have ended are asked about, the newest ones", () => {
  const lines = ["a", "b", "c", "b", null].map((requestId, at) => line(`1.${at}`, requestId, at));
  expect(openRequestIds(lines, [request("c", 1)], 10)).toEqual(["b", "a"]);
  expect(openRequestIds(lines, [], 1)).toEqual(["b"]);
});

test("a page that nothing new came to is drawn from the very same list, and a long one loses its oldest", () => {
  const known = [1, 2, 3];
  expect(withNew(known, [], 3)).toBe(known);
  expect(withNew(known, [4, 5], 3)).toEqual([3, 4, 5]);
});

test("what comes first to a list leaves all of its parts but the first as they were", () => {
  expect(partsOf([3, 2, 1], 2)).toEqual([[3], [2, 1]]);
  expect(partsOf([4, 3, 2, 1], 2)).toEqual([
    [4, 3],
    [2, 1],
  ]);
  expect(partsOf([5, 4, 3, 2, 1], 2)).toEqual([[5], [4, 3], [2, 1]]);
  expect(partsOf([], 2)).toEqual([]);
});
