import { expect, test } from "vitest";
import { isAllowed } from "./roles.ts";

test("only owners and the billing role may spend money", () => {
  const roles = ["owner", "admin", "developer", "billing", "viewer"] as const;
  expect(roles.filter((role) => isAllowed(role, "billing:write"))).toEqual(["owner", "billing"]);
});

test("a viewer changes nothing", () => {
  const changes = ["organization:write", "members:write", "functions:write", "storage:write", "billing:write"] as const;
  expect(changes.filter((permission) => isAllowed("viewer", permission))).toEqual([]);
});

test("the billing role sees no code", () => {
  expect(isAllowed("billing", "functions:read")).toBe(false);
});
