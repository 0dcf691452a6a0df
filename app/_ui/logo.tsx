import { classNames } from "./class-names.ts";

/** A gate lifted over running water. */
export function Logo({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 24 24" aria-hidden className={classNames("size-6 shrink-0", className)}>
      <rect x="1" y="1" width="22" height="22" rx="6" fill="var(--accent)" />
      <path
        d="M7 5.5v5.5M17 5.5v5.5M7 8h10"
        stroke="var(--on-accent)"
        strokeWidth="1.9"
        strokeLinecap="round"
        fill="none"
      />
      <path
        d="M4.5 15c1.9-1.9 3.6-1.9 5 0s3.1 1.9 5 0 3.6-1.9 5 0M4.5 19c1.9-1.9 3.6-1.9 5 0s3.1 1.9 5 0 3.6-1.9 5 0"
        stroke="var(--on-accent)"
        strokeWidth="1.7"
        strokeLinecap="round"
        fill="none"
      />
    </svg>
  );
}
