import { expect, test } from "vitest";
import { isAllowed } from "./roles.ts";

test("developers and viewers neither see nor touch what is owed", () => {
  const roles = ["owner", "admin", "developer", "billing", "viewer"] as const;
  for (const permission of ["billing:read", "billing:write"] as const)
    expect(roles.filter((role) => isAllowed(role, permission))).toEqual(["owner", "admin", "billing"]);
});

test("a viewer changes nothing", () => {
  const changes = ["organization:write", "members:write", "functions:write", "storage:write", "billing:write"] as const;
  expect(changes.filter((permission) => isAllowed("viewer", permission))).toEqual([]);
});

test("the billing role sees no code", () => {
  expect(isAllowed("billing", "functions:read")).toBe(false);
});
