"use client";

import { useTheme } from "next-themes";
import { Toaster } from "sonner";

/** Where `toast(…)` of sonner appears. */
export function Toasts() {
  const { resolvedTheme } = useTheme();
  return (
    <Toaster
      theme={resolvedTheme === "dark" ? "dark" : "light"}
      position="bottom-right"
      toastOptions={{ style: { background: "var(--raised)", borderColor: "var(--line)", color: "var(--text)" } }}
    />
  );
}
