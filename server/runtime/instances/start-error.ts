import type { Readiness } from "#server/contract/prepare.ts";
import { TENANT_MODULE } from "#server/runtime/sandbox/guest.ts";

/**
 * What workerd said when a version did not start, in words for its author. workerd prints
 * `service main: Uncaught SyntaxError: Unexpected token '}'` and then `  at index.js:1:24`, on one line or several.
 */
export function startError(output: string, timedOut: boolean): Readiness {
  if (timedOut) {
    return {
      kind: "failed",
      message:
        "The function did not start within 10 s. Code outside of handlers must end quickly: move the work into fetch().",
    };
  }
  const heap = output.includes("JavaScript heap out of memory");
  if (heap) return { kind: "failed", message: "The function used more memory than its limit allows while it started." };
  const said =
    /service main: ([^\n]+)/.exec(output)?.[1] ??
    output.split("\n").find((line) => line.trim() !== "") ??
    "it printed nothing";
  const at = new RegExp(`at (?:[^\\n]*\\(?)?${TENANT_MODULE.replace(".", "\\.")}:(\\d+):(\\d+)`).exec(output);
  const message = said
    .replace(/\s+at \S+:\d+:\d+.*$/, "")
    .replace(/^Uncaught /, "")
    .replace(/\|$/, "")
    .trim();
  return {
    kind: "failed",
    message,
    ...(at ? { position: { line: Number(at[1]), column: Number(at[2]) } } : {}),
  };
}
