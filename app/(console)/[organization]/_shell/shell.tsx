"use client";

import { Menu as MenuIcon, X } from "lucide-react";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { useState, type ReactNode } from "react";
import { Button } from "#app/_ui/button.tsx";
import { classNames } from "#app/_ui/class-names.ts";
import { Logo } from "#app/_ui/logo.tsx";
import { ThemeToggle } from "#app/_ui/theme-toggle.tsx";
import { Navigation } from "./navigation.tsx";
import { OrganizationMenu, type OrganizationChoice } from "./organization-menu.tsx";
import { UserMenu } from "./user-menu.tsx";

export function Shell({
  organization,
  organizations,
  user,
  children,
}: {
  organization: OrganizationChoice;
  organizations: OrganizationChoice[];
  user: { name: string; email: string; isOperator: boolean };
  children: ReactNode;
}) {
  const pathname = usePathname();
  // The page that it was opened on: going to another closes it, without an effect.
  const [openOn, setOpenOn] = useState<string | null>(null);
  const isOpen = openOn === pathname;
  return (
    <div className="flex min-h-dvh flex-col">
      <header className="sticky top-0 z-30 flex h-12 items-center gap-2 border-b bg-surface px-3 sm:px-4">
        <Button
          variant="ghost"
          size="icon"
          className="md:hidden"
          aria-label={isOpen ? "Close navigation" : "Open navigation"}
          aria-expanded={isOpen}
          aria-controls="console-navigation"
          onClick={() => setOpenOn(isOpen ? null : pathname)}
        >
          {isOpen ? <X aria-hidden /> : <MenuIcon aria-hidden />}
        </Button>
        <Link href={`/${organization.slug}`} aria-label="Sluice" className="rounded-md max-sm:hidden">
          <Logo />
        </Link>
        <OrganizationMenu current={organization} organizations={organizations} />
        <div className="ml-auto flex items-center gap-1">
          <ThemeToggle />
          <UserMenu user={user} />
        </div>
      </header>
      <div className="flex flex-1 flex-col md:flex-row">
        <div
          id="console-navigation"
          className={classNames(
            "border-b bg-surface p-2 md:sticky md:top-12 md:block md:h-[calc(100dvh-3rem)] md:w-48 md:shrink-0 md:border-r md:border-b-0 md:p-3",
            !isOpen && "max-md:hidden",
          )}
        >
          <Navigation organizationSlug={organization.slug} pathname={pathname} />
        </div>
        <main id="content" tabIndex={-1} className="min-w-0 flex-1 outline-none">
          <div className="mx-auto w-full max-w-7xl px-4 py-5 sm:px-6">{children}</div>
        </main>
      </div>
    </div>
  );
}
