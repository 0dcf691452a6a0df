"use client";

import { ArrowLeft } from "lucide-react";
import Link from "next/link";
import { usePathname } from "next/navigation";
import type { ReactNode } from "react";
import { Logo } from "#app/_ui/logo.tsx";
import { Tabs } from "#app/_ui/tabs.tsx";
import { ThemeToggle } from "#app/_ui/theme-toggle.tsx";

const places = [
  { label: "Organizations", path: "/operator" },
  { label: "Price book", path: "/operator/prices" },
  { label: "Reconciliation", path: "/operator/reconciliation" },
  { label: "Sealing", path: "/operator/sealing" },
  { label: "Audit", path: "/operator/audit" },
] as const;

export function OperatorShell({
  home,
  children,
}: {
  home: { slug: string; name: string } | null;
  children: ReactNode;
}) {
  const pathname = usePathname();
  const isCurrent = (path: string) =>
    path === "/operator"
      ? pathname === path || pathname.startsWith("/operator/organizations")
      : pathname === path || pathname.startsWith(`${path}/`);
  return (
    <div className="flex min-h-dvh flex-col">
      <header className="sticky top-0 z-30 flex h-12 items-center gap-3 border-b bg-surface px-3 sm:px-4">
        <Logo />
        <span className="text-sm font-semibold">Operator</span>
        <div className="ml-auto flex min-w-0 items-center gap-1">
          {home ? (
            <Link
              href={`/${home.slug}`}
              className="flex min-w-0 items-center gap-1.5 rounded-md px-2 py-1 text-[13px] text-muted hover:bg-sunken hover:text-text"
            >
              <ArrowLeft aria-hidden className="size-4 shrink-0" />
              <span className="truncate">{home.name}</span>
            </Link>
          ) : null}
          <ThemeToggle />
        </div>
      </header>
      <div className="border-b bg-surface">
        <div className="mx-auto w-full max-w-7xl px-2 sm:px-4">
          <Tabs
            label="Operator"
            tabs={places.map(({ label, path }) => ({ label, href: path, isCurrent: isCurrent(path) }))}
          />
        </div>
      </div>
      <main id="content" tabIndex={-1} className="min-w-0 flex-1 outline-none">
        <div className="mx-auto w-full max-w-7xl px-4 py-5 sm:px-6">{children}</div>
      </main>
    </div>
  );
}
