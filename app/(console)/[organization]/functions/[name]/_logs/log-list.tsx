import { memo } from "react";
import { classNames } from "#app/_ui/class-names.ts";
import { LogGroupRow, type LogRowProps } from "./log-group-row.tsx";
import { isSameGroup, partsOf, type LogGroup } from "./log-groups.ts";

const GROUPS_DRAWN_TOGETHER = 40;

type ListProps = Omit<LogRowProps, "group"> & { groups: readonly LogGroup[] };

/** Dimmed while something else is searched for. */
export function LogList({ groups, isDimmed, ...rest }: ListProps & { isDimmed: boolean }) {
  if (groups.length === 0) return null;
  const parts = partsOf(groups, GROUPS_DRAWN_TOGETHER);
  return (
    <ol
      aria-label="Requests and what they printed"
      aria-busy={isDimmed}
      className={classNames(
        "divide-y overflow-hidden rounded-lg border bg-surface transition-opacity",
        isDimmed && "opacity-50",
      )}
    >
      {parts.map((part, at) => (
        <LogRows key={parts.length - at} groups={part} {...rest} />
      ))}
    </ol>
  );
}

/** A page holds thousands of lines and is asked twice a second: a part of it in which nothing changed is not drawn again. */
const LogRows = memo(Rows, (before, after) => {
  const isSame = (group: LogGroup, at: number) => {
    const other = after.groups[at];
    return other !== undefined && isSameGroup(group, other);
  };
  return (
    before.searched === after.searched &&
    before.hrefOf === after.hrefOf &&
    before.onRequest === after.onRequest &&
    before.groups.length === after.groups.length &&
    before.groups.every(isSame)
  );
});

function Rows({ groups, ...rest }: ListProps) {
  return groups.map((group) => (
    <li key={group.key} className="[contain-intrinsic-size:auto_80px] [content-visibility:auto]">
      <LogGroupRow group={group} {...rest} />
    </li>
  ));
}
