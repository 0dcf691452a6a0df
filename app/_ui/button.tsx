import { Slot } from "radix-ui";
import type { ComponentProps } from "react";
import { classNames } from "./class-names.ts";
import { Spinner } from "./spinner.tsx";

const base =
  "inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md font-medium whitespace-nowrap transition-colors " +
  "disabled:pointer-events-none disabled:opacity-55 [&_svg]:size-4 [&_svg]:shrink-0";

const variants = {
  primary: "bg-accent text-on-accent hover:bg-accent-strong",
  secondary: "border border-line-strong bg-surface text-text hover:bg-sunken",
  ghost: "text-muted hover:bg-sunken hover:text-text",
  danger: "border border-danger/40 bg-surface text-danger hover:bg-danger-soft",
} as const;

const sizes = {
  small: "h-7 px-2.5 text-[13px]",
  medium: "h-8.5 px-3.5 text-sm",
  large: "h-10 px-5 text-[15px]",
  icon: "size-8",
} as const;

export type ButtonVariant = keyof typeof variants;

/** With `asChild` the only child gets the looks: a link that reads as a button stays a link. */
export function Button({
  variant = "secondary",
  size = "medium",
  asChild = false,
  isBusy = false,
  className,
  disabled,
  children,
  ...rest
}: ComponentProps<"button"> & {
  variant?: ButtonVariant;
  size?: keyof typeof sizes;
  asChild?: boolean;
  isBusy?: boolean;
}) {
  const classes = classNames(base, variants[variant], sizes[size], className);
  if (asChild) {
    return (
      <Slot.Root className={classes} {...rest}>
        {children}
      </Slot.Root>
    );
  }
  return (
    <button
      type="button"
      className={classes}
      disabled={disabled === true || isBusy}
      aria-busy={isBusy || undefined}
      {...rest}
    >
      {isBusy ? <Spinner /> : null}
      {children}
    </button>
  );
}
