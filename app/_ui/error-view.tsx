"use client";

import { RotateCw, TriangleAlert } from "lucide-react";
import { useRouter } from "next/navigation";
import { startTransition } from "react";
import { Button } from "./button.tsx";
import { EmptyState } from "./empty-state.tsx";

/** A page that could not be made. The error's own text stays in the log; the digest finds it there. */
export function ErrorView({ error, retry }: { error: Error & { digest?: string }; retry: () => void }) {
  const router = useRouter();
  const again = () =>
    startTransition(() => {
      router.refresh();
      retry();
    });
  return (
    <EmptyState
      icon={TriangleAlert}
      title="This page could not be shown"
      action={
        <Button onClick={again}>
          <RotateCw aria-hidden /> Try again
        </Button>
      }
    >
      Something went wrong on our side; nothing you made is lost.
      {error.digest ? ` If it stays, tell your operator error ${error.digest}.` : ""}
    </EmptyState>
  );
}
