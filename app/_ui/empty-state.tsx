import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

/** What a page says when it has nothing to list yet: why, and what to do. */
export function EmptyState({
  icon: Icon,
  title,
  children,
  action,
}: {
  icon: LucideIcon;
  title: string;
  children: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="flex flex-col items-center rounded-lg border border-dashed border-line-strong px-6 py-12 text-center">
      <span className="mb-3 grid size-10 place-items-center rounded-full bg-accent-soft text-accent-strong">
        <Icon aria-hidden className="size-5" />
      </span>
      <h2 className="text-[15px] font-semibold">{title}</h2>
      <div className="mt-1 max-w-md text-[13px] text-muted">{children}</div>
      {action ? <div className="mt-4">{action}</div> : null}
    </div>
  );
}
