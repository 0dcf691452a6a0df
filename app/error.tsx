"use client";

import { ErrorView } from "#app/_ui/error-view.tsx";

export default function RootError({ error, reset }: { error: Error & { digest?: string }; reset: () => void }) {
  return (
    <main className="mx-auto max-w-lg px-4 py-16">
      <ErrorView error={error} retry={reset} />
    </main>
  );
}
