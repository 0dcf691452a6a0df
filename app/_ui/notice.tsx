import { CircleAlert, Info } from "lucide-react";
import type { ReactNode } from "react";
import { classNames } from "./class-names.ts";

/** A message in the page. A danger is announced at once (role alert); the others are read where they stand. */
export function Notice({ tone = "info", children }: { tone?: "info" | "danger"; children: ReactNode }) {
  const Icon = tone === "danger" ? CircleAlert : Info;
  return (
    <div
      {...(tone === "danger" ? { role: "alert" } : {})}
      className={classNames(
        "flex items-start gap-2 rounded-md border px-3 py-2 text-[13px]",
        tone === "danger" ? "border-danger/30 bg-danger-soft text-danger" : "bg-sunken/70 text-muted",
      )}
    >
      <Icon aria-hidden className="mt-0.5 size-4 shrink-0" />
      <div className="min-w-0">{children}</div>
    </div>
  );
}
