import { signIn } from "next-auth/react";

/** Signs in; what is wrong in words for a person, or null when nothing is. */
export async function signInWithPassword(account: { email: string; password: string }): Promise<string | null> {
  try {
    const result = await signIn("credentials", { ...account, redirect: false });
    if (result?.ok && !result.error) return null;
    if (result?.error && result.error !== "CredentialsSignin") return result.error;
    return "The email or the password is wrong.";
  } catch {
    return "The console does not answer. Check your connection and try again.";
  }
}
