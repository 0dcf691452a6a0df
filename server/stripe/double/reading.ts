import { z } from "zod";
import { NotModelled } from "./refusal.ts";
import type { Wire } from "./shape.ts";

/** The fields of a request that has passed the check against the SDK's declarations: all are texts by now. */
export const integer = z.coerce.number().int();
export const bigInteger = z.coerce.bigint();
export const flag = z.enum(["true", "false"]).transform((text) => text === "true");
export const text = z.string();
export const texts = z.array(z.string());
export const metadata = z.record(z.string(), z.string());
/** Where the double expands nothing, asking for it must not look as if it had worked. */
export const expand = z.never().optional();
export function expandable<const Names extends readonly [string, ...string[]]>(...names: Names) {
  return z.array(z.enum(names)).optional();
}
export const page = {
  limit: integer.optional(),
  starting_after: text.optional(),
  ending_before: z.never().optional(),
  expand,
};

/**
 * Reads what the double models. A parameter that Stripe has and the double ignores would let a wrong call pass, so any
 * that is not named here ends the test with its name.
 */
export function read<Shape extends z.ZodRawShape>(
  form: Wire,
  shape: Shape,
): z.infer<z.ZodObject<Shape, z.core.$strict>> {
  const result = z.strictObject(shape).safeParse(form);
  if (result.success) return result.data;
  throw new NotModelled(
    `the double does not model this: ${result.error.issues.map((issue) => `${issue.path.join(".")} ${issue.message}`).join("; ")}`,
  );
}

/** Stripe's way of changing metadata: names that are given replace, an empty value takes away. */
export function mergeMetadata(into: Record<string, string>, given: Record<string, string> | undefined): void {
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value === "") delete into[name];
    else into[name] = value;
  }
}

/** One page of a list that is newest first, as Stripe's are. */
export function pageOf<Item extends { id: string }>(
  items: readonly Item[],
  { limit = 10, starting_after: after }: { limit?: number | undefined; starting_after?: string | undefined },
): { items: Item[]; hasMore: boolean } {
  const begin = after === undefined ? 0 : items.findIndex((item) => item.id === after) + 1;
  return { items: items.slice(begin, begin + limit), hasMore: items.length > begin + limit };
}

export function listAnswer(data: Wire[], url: string, hasMore = false): { [name: string]: Wire } {
  return { object: "list", data, has_more: hasMore, url };
}
