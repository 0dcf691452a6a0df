import type { inferRouterOutputs } from "@trpc/server";
import type { AppRouter } from "#server/api/root.ts";
import type { Complaint } from "../_editor/code-editor.tsx";

/** What became of a deploy or a roll-back. */
export type Outcome = inferRouterOutputs<AppRouter>["function"]["deploy"];

/** One line that says what happened, with file and line where there is one. */
export function outcomeText(outcome: Outcome): string {
  if (outcome.kind === "deployed") {
    return `Deployed version ${outcome.versionNumber} in ${Math.max(1, Math.round(outcome.durationMs))} ms`;
  }
  if (outcome.kind === "bundle_failed") {
    const [first, ...rest] = outcome.errors;
    if (!first) return "The code could not be bundled";
    return `${place(first)}${first.message}${rest.length > 0 ? ` (and ${rest.length} more)` : ""}`;
  }
  return outcome.kind === "start_failed" ? `${place(outcome.error)}${outcome.error.message}` : outcome.message;
}

/** The place of a failed deploy in the tenant's own file, to be underlined. */
export function complaintOf(outcome: Outcome | null): Complaint | null {
  const error =
    outcome?.kind === "bundle_failed" ? outcome.errors[0] : outcome?.kind === "start_failed" ? outcome.error : null;
  if (!error?.file || error.line === null) return null;
  return { path: error.file, line: error.line, column: error.column ?? 1, message: error.message };
}

function place({ file, line, column }: { file: string | null; line: number | null; column: number | null }): string {
  if (!file) return "";
  return `${[file, line, column].filter((part) => part !== null).join(":")}: `;
}
