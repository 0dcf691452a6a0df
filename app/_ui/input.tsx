import type { ComponentProps } from "react";
import { classNames } from "./class-names.ts";

/** 16 px of text on phones: below that, iOS zooms into the page. */
export const controlClasses =
  "w-full min-w-0 rounded-md border border-line-strong bg-surface px-3 text-base text-text transition-colors sm:text-sm " +
  "placeholder:text-muted/80 hover:border-muted/60 disabled:cursor-not-allowed disabled:opacity-60 " +
  "focus-visible:border-accent focus-visible:outline-2 focus-visible:outline-offset-0 focus-visible:outline-accent/40 " +
  "aria-invalid:border-danger aria-invalid:focus-visible:outline-danger/40";

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input className={classNames(controlClasses, "h-9", className)} {...rest} />;
}

export function TextArea({ className, ...rest }: ComponentProps<"textarea">) {
  return (
    <textarea className={classNames(controlClasses, "min-h-20 py-2 font-mono text-[13px]", className)} {...rest} />
  );
}
