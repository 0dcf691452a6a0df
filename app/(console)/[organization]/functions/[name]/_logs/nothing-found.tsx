import { ScrollText, SearchX } from "lucide-react";
import { Button } from "#app/_ui/button.tsx";
import { CodeBlock } from "#app/_ui/code-block.tsx";
import { EmptyState } from "#app/_ui/empty-state.tsx";
import { isWholeLog, type LogView } from "./log-view.ts";

/** What an empty page says: why it is empty, and what shows more. */
export function NothingFound({
  view,
  isLive,
  onWholeTime,
  onWholeLog,
}: {
  view: LogView;
  isLive: boolean;
  onWholeTime: () => void;
  onWholeLog: () => void;
}) {
  if (isWholeLog(view))
    return (
      <EmptyState icon={ScrollText} title="Nothing in the last seven days">
        <p className="mb-3">
          Call your function, and each request appears here within a second, with what it printed under it.
        </p>
        <CodeBlock label="Example" code={'console.log("order received", order.id);'} className="text-left" />
      </EmptyState>
    );
  const isShort = view.time.kind === "between" || view.time.span !== "7d";
  return (
    <EmptyState
      icon={SearchX}
      title="Nothing matches"
      action={
        <div className="flex flex-wrap justify-center gap-2">
          {isShort ? <Button onClick={onWholeTime}>Search the last 7 days</Button> : null}
          <Button onClick={onWholeLog}>Clear all filters</Button>
        </div>
      }
    >
      <p>
        {view.requestId === null
          ? "No line and no request is as the filters say."
          : "There is no such request, or it printed nothing that matches and has not ended yet."}
        {isLive ? " What comes from now on and matches appears by itself." : ""} Lines are kept for seven days.
      </p>
    </EmptyState>
  );
}
