import { Role } from "#server/db/generated/enums.ts";

/** What a procedure may ask for. */
export type Permission =
  | "organization:read"
  | "organization:write"
  | "members:read"
  | "members:write"
  | "functions:read"
  | "functions:write"
  | "storage:read"
  | "storage:write"
  | "usage:read"
  | "billing:read"
  | "billing:write"
  | "drills:run";

const reading = ["organization:read", "members:read", "functions:read", "storage:read", "usage:read"] as const;
const building = [...reading, "functions:write", "storage:write"] as const;
const paying = ["organization:read", "members:read", "usage:read", "billing:read", "billing:write"] as const;
/** A drill runs a function, says what that costs, and nobody but the operator pays for it: for those who may do both. */
const administering = [
  ...building,
  "billing:read",
  "billing:write",
  "organization:write",
  "members:write",
  "drills:run",
] as const;

/** `usage:read` shows quantities and what they are worth at the public prices; what is owed, and how much may be, is `billing:read`. */
const permissionsOf: Record<Role, readonly Permission[]> = {
  owner: administering,
  admin: administering,
  developer: building,
  billing: paying,
  viewer: reading,
};

export function isAllowed(role: Role, permission: Permission): boolean {
  return permissionsOf[role].includes(permission);
}

/** The roles that hold a permission. */
export function rolesAllowed(permission: Permission): Role[] {
  return Object.values(Role).filter((role) => isAllowed(role, permission));
}
