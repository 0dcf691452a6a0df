import { ChartNoAxesColumn, CreditCard, Database, House, Settings, SquareFunction } from "lucide-react";
import Link from "next/link";
import { classNames } from "#app/_ui/class-names.ts";

const places = [
  { label: "Overview", path: "", icon: House },
  { label: "Functions", path: "/functions", icon: SquareFunction },
  { label: "Storage", path: "/storage", icon: Database },
  { label: "Usage", path: "/usage", icon: ChartNoAxesColumn },
  { label: "Billing", path: "/billing", icon: CreditCard },
  { label: "Settings", path: "/settings", icon: Settings },
] as const;

export function Navigation({ organizationSlug, pathname }: { organizationSlug: string; pathname: string }) {
  const home = `/${organizationSlug}`;
  return (
    <nav aria-label="Console" className="grid gap-0.5">
      {places.map(({ label, path, icon: Icon }) => {
        const href = `${home}${path}`;
        const isCurrent = path === "" ? pathname === home : pathname === href || pathname.startsWith(`${href}/`);
        return (
          <Link
            key={label}
            href={href}
            aria-current={isCurrent ? "page" : undefined}
            className={classNames(
              "flex items-center gap-2.5 rounded-md px-2.5 py-1.5 text-[13px] font-medium transition-colors max-md:py-2.5",
              isCurrent ? "bg-accent-soft text-accent-strong" : "text-muted hover:bg-sunken hover:text-text",
            )}
          >
            <Icon aria-hidden className="size-4" />
            {label}
          </Link>
        );
      })}
    </nav>
  );
}
