import { clsx, type ClassValue } from "clsx";
import { twMerge } from "tailwind-merge";

/** Joins class names; of two that say the same thing the later wins, so that a caller can override a primitive. */
export function classNames(...values: ClassValue[]): string {
  return twMerge(clsx(values));
}
