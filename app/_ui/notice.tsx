import { CircleAlert, Info, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { classNames } from "./class-names.ts";

const looks = {
  info: { icon: Info, classes: "bg-sunken/70 text-muted" },
  warning: { icon: TriangleAlert, classes: "border-warning/30 bg-warning-soft text-warning" },
  danger: { icon: CircleAlert, classes: "border-danger/30 bg-danger-soft text-danger" },
} as const;

/** A message in the page. A danger is announced at once (role alert); the others are read where they stand. */
export function Notice({
  tone = "info",
  action,
  children,
}: {
  tone?: keyof typeof looks;
  action?: ReactNode;
  children: ReactNode;
}) {
  const { icon: Icon, classes } = looks[tone];
  return (
    <div
      {...(tone === "danger" ? { role: "alert" } : {})}
      className={classNames("flex items-start gap-2 rounded-md border px-3 py-2 text-[13px]", classes)}
    >
      <Icon aria-hidden className="mt-0.5 size-4 shrink-0" />
      <div className="min-w-0 flex-1">{children}</div>
      {action}
    </div>
  );
}
