import type { Metadata } from "next";
import Link from "next/link";
import { Button } from "#app/_ui/button.tsx";
import { Logo } from "#app/_ui/logo.tsx";

export const metadata: Metadata = { title: "Not found" };

export default function NotFound() {
  return (
    <main id="content" className="grid min-h-[70dvh] place-content-center justify-items-center px-4 text-center">
      <Logo className="mb-4 size-9" />
      <h1 className="text-lg font-semibold">There is nothing at this address</h1>
      <p className="mt-1 max-w-sm text-[13px] text-muted">
        It may have been deleted or renamed, or you may not be a member of the organization that it belongs to.
      </p>
      <Button asChild className="mt-4">
        <Link href="/sign-in">To your console</Link>
      </Button>
    </main>
  );
}
