"use client";

import { ErrorView } from "#app/_ui/error-view.tsx";

export default function ConsoleError({ error, reset }: { error: Error & { digest?: string }; reset: () => void }) {
  return <ErrorView error={error} retry={reset} />;
}
