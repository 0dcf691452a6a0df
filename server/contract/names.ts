import { z } from "zod";

/** `function--organization` is one DNS label: 63 bytes, of which two are the hyphens. */
const LABEL_BYTES_MAX = 63;
const SLUG_CHARACTERS_MAX = 30;

/** Paths of the console that no organization may take. */
const reserved = new Set([
  "api",
  "admin",
  "www",
  "sign-in",
  "sign-up",
  "sign-out",
  "pricing",
  "docs",
  "new",
  "static",
  "public",
  "healthz",
  "readyz",
  "metrics",
  "settings",
  "account",
  "operator",
  "assets",
  "about",
  "terms",
  "privacy",
  "status",
  "support",
]);

const pattern = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const hint = "Use lower-case letters, digits and single hyphens between them";

export const organizationSlug = z
  .string()
  .min(2, "Use at least 2 characters")
  .max(SLUG_CHARACTERS_MAX, `Use at most ${SLUG_CHARACTERS_MAX} characters`)
  .regex(pattern, hint)
  .refine((slug) => !reserved.has(slug), "That name is reserved; choose another");

export const functionName = z
  .string()
  .min(1, "Give it a name")
  .max(SLUG_CHARACTERS_MAX, `Use at most ${SLUG_CHARACTERS_MAX} characters`)
  .regex(pattern, hint);

/** "Acme Corp." -> "acme-corp". May be empty: check with `organizationSlug`. */
export function slugFrom(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, SLUG_CHARACTERS_MAX)
    .replace(/-+$/, "");
}

export type FunctionLabel = { functionName: string; organizationSlug: string };

/** Parts "hello--acme" into its names; undefined when it is not of that form. */
export function parseFunctionLabel(label: string): FunctionLabel | undefined {
  const at = label.indexOf("--");
  if (at < 1 || label.length > LABEL_BYTES_MAX) return undefined;
  const names = { functionName: label.slice(0, at), organizationSlug: label.slice(at + 2) };
  return pattern.test(names.functionName) && pattern.test(names.organizationSlug) ? names : undefined;
}
