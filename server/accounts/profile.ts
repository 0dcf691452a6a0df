import { z } from "zod";

const NAME_CHARACTERS_MAX = 80;
const EMAIL_CHARACTERS_MAX = 254;

/** What a person or an organization is called. Control characters and half characters are refused: Postgres can't hold them. */
export const displayName = z
  .string()
  .trim()
  .min(1, "Give a name")
  .max(NAME_CHARACTERS_MAX, `Use at most ${NAME_CHARACTERS_MAX} characters`)
  .refine((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), "Use letters, digits, spaces and signs only");

export const emailAddress = z
  .string()
  .trim()
  .toLowerCase()
  .max(EMAIL_CHARACTERS_MAX, "That is too long for an email address")
  .pipe(z.email("That is not an email address"));
