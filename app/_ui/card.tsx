import { useId, type ReactNode } from "react";
import { classNames } from "./class-names.ts";

export function Card({ className, children }: { className?: string; children: ReactNode }) {
  return <div className={classNames("rounded-lg border bg-surface", className)}>{children}</div>;
}

/** A card that is a region of the page with a heading of its own. */
export function Section({
  title,
  description,
  actions,
  className,
  children,
}: {
  title: string;
  description?: ReactNode;
  actions?: ReactNode;
  /** Of the body; tables want "p-0". */
  className?: string;
  children: ReactNode;
}) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="min-w-0 rounded-lg border bg-surface">
      <header className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 border-b px-4 py-3">
        <div className="min-w-0">
          <h2 id={id} className="text-sm font-semibold">
            {title}
          </h2>
          {description ? <p className="text-[13px] text-muted">{description}</p> : null}
        </div>
        {actions}
      </header>
      <div className={classNames("p-4", className)}>{children}</div>
    </section>
  );
}
