import type { ComponentProps, ReactNode } from "react";
import { classNames } from "./class-names.ts";

/** A table with an accessible name. On a narrow page it scrolls sideways by itself, never the page. */
export function Table({ label, children, className }: { label: string; children: ReactNode; className?: string }) {
  return (
    // A region that scrolls must be reachable by keyboard, or its hidden part can't be read without a mouse.
    <div
      className="relative overflow-x-auto rounded-[inherit]"
      tabIndex={0}
      role="group"
      aria-label={`${label}, scrolls sideways`}
    >
      <table
        aria-label={label}
        className={classNames(
          "w-full border-collapse text-left text-[13px] max-sm:[&_td:first-child]:pl-4 max-sm:[&_th:first-child]:pl-4",
          className,
        )}
      >
        {children}
      </table>
    </div>
  );
}

export function TableHead({ children }: { children: ReactNode }) {
  return <thead className="border-b bg-sunken/60 text-xs text-muted">{children}</thead>;
}

export function TableBody({ children }: { children: ReactNode }) {
  return <tbody className="divide-y">{children}</tbody>;
}

export function Row({ className, ...rest }: ComponentProps<"tr">) {
  return <tr className={classNames("transition-colors", className)} {...rest} />;
}

export function HeadCell({ className, isNumber = false, ...rest }: ComponentProps<"th"> & { isNumber?: boolean }) {
  return (
    <th
      scope="col"
      className={classNames("px-2.5 py-2 font-medium sm:px-4 whitespace-nowrap", isNumber && "text-right", className)}
      {...rest}
    />
  );
}

export function Cell({ className, isNumber = false, ...rest }: ComponentProps<"td"> & { isNumber?: boolean }) {
  return (
    <td
      className={classNames(
        "px-2.5 py-2.5 sm:px-4",
        isNumber && "text-right whitespace-nowrap tabular-nums",
        className,
      )}
      {...rest}
    />
  );
}

/** The cell that names its row. */
export function RowHeader({ className, ...rest }: ComponentProps<"th">) {
  return (
    <th
      scope="row"
      className={classNames("px-2.5 py-2.5 text-left sm:px-4 font-medium whitespace-nowrap", className)}
      {...rest}
    />
  );
}
