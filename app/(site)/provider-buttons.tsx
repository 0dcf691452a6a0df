"use client";

import { signIn } from "next-auth/react";
import { useState } from "react";
import { Button } from "#app/_ui/button.tsx";

const titles = { github: "GitHub", google: "Google" } as const;
type Provider = keyof typeof titles;

/** The other ways in. Nothing where the operator has set up none. */
export function ProviderButtons({ providers }: { providers: Record<Provider, boolean> }) {
  const [leaving, setLeaving] = useState<Provider | null>(null);
  const enabled = (["github", "google"] as const).filter((provider) => providers[provider]);
  if (enabled.length === 0) return null;
  return (
    <div className="mt-4 grid gap-2 border-t pt-4">
      {enabled.map((provider) => (
        <Button
          key={provider}
          isBusy={leaving === provider}
          onClick={() => {
            setLeaving(provider);
            // The sign-in page sends whoever is signed in on to where they belong.
            void signIn(provider, { callbackUrl: "/sign-in" });
          }}
        >
          Continue with {titles[provider]}
        </Button>
      ))}
    </div>
  );
}
