import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { caller } from "#app/_trpc/caller.ts";
import { isOwnPath } from "#app/_trpc/own-path.ts";
import { visitorHome } from "#app/_trpc/visitor-home.ts";
import { AuthCard } from "../auth-card.tsx";
import { ProviderButtons } from "../provider-buttons.tsx";
import { SignInForm } from "./sign-in-form.tsx";

export const metadata: Metadata = { title: "Sign in" };

const failures: Record<string, string> = {
  email_taken: "There is an account with this email and a password. Sign in with that password.",
  no_email: "That account shares no email address. Make one public there, or sign up with a password.",
};

export default async function SignInPage({
  searchParams,
}: {
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}) {
  const api = await caller();
  const home = await visitorHome(api);
  const { error, next } = await searchParams;
  const nextPath = typeof next === "string" && isOwnPath(next) ? next : null;
  if (home !== null) redirect(nextPath ?? home);
  const initialFailure = typeof error === "string" ? (failures[error] ?? "The sign-in did not work. Try again.") : null;
  return (
    <AuthCard title="Sign in" other={{ question: "New here?", label: "Create an account", href: "/sign-up" }}>
      <SignInForm initialFailure={initialFailure} nextPath={nextPath} />
      <ProviderButtons providers={await api.account.providers()} />
    </AuthCard>
  );
}
