import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { caller } from "#app/_trpc/caller.ts";
import { visitorHome } from "#app/_trpc/visitor-home.ts";
import { AuthCard } from "../auth-card.tsx";
import { ProviderButtons } from "../provider-buttons.tsx";
import { SignInForm } from "./sign-in-form.tsx";

export const metadata: Metadata = { title: "Sign in" };

const failures: Record<string, string> = {
  email_taken: "There is an account with this email and a password. Sign in with that password.",
  no_email: "That account shares no email address. Make one public there, or sign up with a password.",
};

export default async function SignInPage({ searchParams }: { searchParams: Promise<{ error?: string | string[] }> }) {
  const api = await caller();
  const home = await visitorHome(api);
  if (home !== null) redirect(home);
  const { error } = await searchParams;
  const initialFailure = typeof error === "string" ? (failures[error] ?? "The sign-in did not work. Try again.") : null;
  return (
    <AuthCard title="Sign in" other={{ question: "New here?", label: "Create an account", href: "/sign-up" }}>
      <SignInForm initialFailure={initialFailure} />
      <ProviderButtons providers={await api.account.providers()} />
    </AuthCard>
  );
}
