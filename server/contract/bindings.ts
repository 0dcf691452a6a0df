import { z } from "zod";

/** What a function finds under a name in `env`. */
export const bindingName = z
  .string()
  .max(64, "Use at most 64 characters")
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "Use letters, digits and _, and begin with no digit")
  .refine((name) => name !== "__proto__", "Choose another name");

export const binding = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("kv"), name: bindingName, namespaceId: z.string().startsWith("kvn_").max(64) }),
]);
export type Binding = z.infer<typeof binding>;

/** Each is a service of its own in an instance's configuration. */
const BINDINGS_MAX = 64;

/** In the order of their names: part of a version's content hash. */
export const bindings = z
  .array(binding)
  .max(BINDINGS_MAX, `A function has ${BINDINGS_MAX} bindings at most. Remove one that is no longer used.`)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, "Two bindings have the same name")
  .transform((all) => all.toSorted((one, other) => (one.name < other.name ? -1 : 1)));
