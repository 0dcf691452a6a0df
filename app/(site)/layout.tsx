import Link from "next/link";
import type { ReactNode } from "react";
import { caller } from "#app/_trpc/caller.ts";
import { visitorHome } from "#app/_trpc/visitor-home.ts";
import { Button } from "#app/_ui/button.tsx";
import { Logo } from "#app/_ui/logo.tsx";
import { SkipLink } from "#app/_ui/skip-link.tsx";
import { ThemeToggle } from "#app/_ui/theme-toggle.tsx";

export default async function SiteLayout({ children }: { children: ReactNode }) {
  const home = await visitorHome(await caller());
  return (
    <div className="flex min-h-dvh flex-col">
      <SkipLink />
      <header className="mx-auto flex w-full max-w-6xl items-center gap-1 px-4 py-3 sm:gap-2 sm:px-6">
        <Link href="/" className="mr-auto flex items-center gap-2 rounded-sm text-[15px] font-semibold tracking-tight">
          <Logo /> <span className="max-[400px]:sr-only">Sluice</span>
        </Link>
        <nav aria-label="Site" className="flex items-center gap-1 sm:gap-2">
          <Button asChild variant="ghost" className="max-sm:px-2">
            <Link href="/pricing">Pricing</Link>
          </Button>
          {home === null ? (
            <>
              <Button asChild variant="ghost" className="max-sm:px-2">
                <Link href="/sign-in">Sign in</Link>
              </Button>
              <Button asChild variant="primary" className="max-sm:px-2.5">
                <Link href="/sign-up">Sign up</Link>
              </Button>
            </>
          ) : (
            <Button asChild variant="primary">
              <Link href={home}>Open console</Link>
            </Button>
          )}
        </nav>
        <ThemeToggle />
      </header>
      <main id="content" tabIndex={-1} className="flex-1 outline-none">
        {children}
      </main>
      <footer className="mx-auto flex w-full max-w-6xl flex-wrap justify-between gap-x-6 gap-y-1 px-4 py-6 text-[13px] text-muted sm:px-6">
        <p>Sluice runs on your own machines. It loads nothing from anyone else&rsquo;s.</p>
        <Link href="/pricing" className="hover:text-text">
          What it costs
        </Link>
      </footer>
    </div>
  );
}
