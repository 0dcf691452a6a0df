import { hash, verify } from "@node-rs/argon2";
import { Fault } from "#server/std/fault.ts";

/** argon2id (the library's default) with OWASP's first recommendation: 19 MiB, two passes, one lane. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const CHARACTERS_MIN = 10;
/** A bound on the work that one request can ask of the hash. */
const CHARACTERS_MAX = 200;
const DISTINCT_CHARACTERS_MIN = 5;

/** The first guesses of every attacker that are long enough to pass otherwise. */
const guesses =
  /^(?:password|passw0rd|qwertyuiop?|qwerty|letmein|welcome|administrator|iloveyou|1234567890?|0123456789?|abcdefghij)[\d!.?]*$/;

/** Refuses a password that would be guessed. `personal` is what a guesser knows of the person: name, email, organization. */
export function checkPassword(password: string, personal: string[]): void {
  const refuse = (message: string): never => {
    throw new Fault("invalid", message, { field: "password" });
  };
  if (password.length < CHARACTERS_MIN) refuse(`Use at least ${CHARACTERS_MIN} characters.`);
  if (password.length > CHARACTERS_MAX) refuse(`Use at most ${CHARACTERS_MAX} characters.`);
  const lower = password.toLowerCase();
  if (new Set(lower).size < DISTINCT_CHARACTERS_MIN || guesses.test(lower)) {
    refuse("That password is easy to guess. Use a few unrelated words, or a password manager.");
  }
  if (personal.some((text) => text.toLowerCase() === lower)) {
    refuse("Your password must not be your name or your email address.");
  }
}

export function hashPassword(password: string): Promise<string> {
  return hash(password, parameters);
}

let decoy: Promise<string> | undefined;

/** Without a hash it verifies against a decoy, so that an unknown email takes as long as a wrong password. */
export async function isPassword(password: string, passwordHash: string | null): Promise<boolean> {
  decoy ??= hashPassword("a decoy that nobody signs in with");
  if (password.length > CHARACTERS_MAX) return false;
  const matches = await verify(passwordHash ?? (await decoy), password);
  return matches && passwordHash !== null;
}
