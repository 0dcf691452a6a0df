"use client";

import { Check, ChevronDown } from "lucide-react";
import { Select as Radix } from "radix-ui";
import { classNames } from "./class-names.ts";
import type { ControlProps } from "./field.tsx";
import { controlClasses } from "./input.tsx";

export type Choice<Value extends string> = { value: Value; label: string; description?: string };

/** A choice of one. Give it `control` from a Field, or an `aria-label`. */
export function Select<Value extends string>({
  control,
  choices,
  value,
  onValueChange,
  name,
  className,
  "aria-label": ariaLabel,
}: {
  control?: ControlProps;
  choices: readonly Choice<Value>[];
  value: Value;
  onValueChange: (value: Value) => void;
  name?: string;
  className?: string;
  "aria-label"?: string;
}) {
  const choose = (text: string) => {
    const choice = choices.find((entry) => entry.value === text);
    if (choice) onValueChange(choice.value);
  };
  return (
    <Radix.Root value={value} onValueChange={choose} {...(name === undefined ? {} : { name })}>
      <Radix.Trigger
        {...control}
        aria-label={ariaLabel}
        className={classNames(controlClasses, "flex h-9 items-center justify-between gap-2 text-left", className)}
      >
        <span className="truncate">
          <Radix.Value>{choices.find((entry) => entry.value === value)?.label}</Radix.Value>
        </span>
        <ChevronDown aria-hidden className="size-4 shrink-0 text-muted" />
      </Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          position="popper"
          sideOffset={4}
          className="z-60 max-h-(--radix-select-content-available-height) min-w-(--radix-select-trigger-width) overflow-y-auto rounded-lg border bg-raised p-1 shadow-lg motion-safe:animate-enter"
        >
          <Radix.Viewport>
            {choices.map((choice) => (
              <Radix.Item
                key={choice.value}
                value={choice.value}
                className="relative flex cursor-pointer flex-col rounded-md py-1.5 pr-8 pl-2.5 text-sm outline-none data-highlighted:bg-sunken"
              >
                <Radix.ItemText>{choice.label}</Radix.ItemText>
                {choice.description ? <span className="text-xs text-muted">{choice.description}</span> : null}
                <Radix.ItemIndicator className="absolute top-2 right-2.5">
                  <Check aria-hidden className="size-4 text-accent" />
                </Radix.ItemIndicator>
              </Radix.Item>
            ))}
          </Radix.Viewport>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
