import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { caller } from "#app/_trpc/caller.ts";
import { visitorHome } from "#app/_trpc/visitor-home.ts";
import { AuthCard } from "../auth-card.tsx";
import { ProviderButtons } from "../provider-buttons.tsx";
import { SignUpForm } from "./sign-up-form.tsx";

export const metadata: Metadata = { title: "Sign up" };

export default async function SignUpPage() {
  const api = await caller();
  const home = await visitorHome(api);
  if (home !== null) redirect(home);
  return (
    <AuthCard
      title="Create your account"
      description="Free, with no card. You get an organization of your own."
      other={{ question: "Have an account already?", label: "Go to sign-in", href: "/sign-in" }}
    >
      <SignUpForm />
      <ProviderButtons providers={await api.account.providers()} />
    </AuthCard>
  );
}
