import { z } from "zod";

/** S3's rules, since its clients make host names of them. */
export const bucketName = z
  .string()
  .min(3, "Use at least 3 characters")
  .max(63, "Use at most 63 characters")
  .regex(
    /^[a-z0-9][a-z0-9.-]*[a-z0-9]$/,
    "Use lower-case letters, digits, dots and hyphens; begin and end with a letter or digit",
  )
  .refine((name) => !name.includes(".."), "Put something between two dots")
  .refine((name) => !/^\d+\.\d+\.\d+\.\d+$/.test(name), "A name can't look like an IP address")
  .refine((name) => !name.startsWith("xn--"), "A name can't begin with xn--");

export const accessKeyName = z.string().trim().min(1, "Give it a name").max(64, "Use at most 64 characters");
