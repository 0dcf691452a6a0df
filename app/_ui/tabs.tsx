import Link from "next/link";
import { classNames } from "./class-names.ts";

export type Tab = { label: string; href: string; isCurrent: boolean };

/** Tabs that are pages with addresses of their own, but read as tabs: the arrow keys are the browser's own link order. */
export function Tabs({ label, tabs }: { label: string; tabs: Tab[] }) {
  return (
    <div role="tablist" aria-label={label} className="-mb-px flex gap-1 overflow-x-auto border-b">
      {tabs.map((tab) => (
        <Link
          key={tab.href}
          href={tab.href}
          role="tab"
          aria-selected={tab.isCurrent}
          className={classNames(
            "-mb-px border-b-2 px-3 py-2 text-[13px] font-medium whitespace-nowrap transition-colors focus-visible:-outline-offset-2",
            tab.isCurrent ? "border-accent text-text" : "border-transparent text-muted hover:text-text",
          )}
        >
          {tab.label}
        </Link>
      ))}
    </div>
  );
}
