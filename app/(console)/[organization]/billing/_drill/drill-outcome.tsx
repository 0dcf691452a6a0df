"use client";

import { CircleHelp, ShieldAlert, ShieldCheck } from "lucide-react";
import { classNames } from "#app/_ui/class-names.ts";
import { Notice } from "#app/_ui/notice.tsx";
import { formatCount, formatMoment } from "#app/_ui/quantity.ts";
import { Cell, Row, RowHeader, Table, TableBody } from "#app/_ui/table.tsx";
import type { LatestDrill } from "./drill-card.tsx";

type Drill = NonNullable<LatestDrill>;
type Stage<Kind extends Drill["stage"]["kind"]> = Extract<Drill["stage"], { kind: Kind }>;

/** How a drill goes, or what it has found. */
export function DrillOutcome({ drill }: { drill: Drill }) {
  const { stage } = drill;
  return (
    <div className="grid gap-3 border-t pt-4">
      <p className="text-[13px] text-muted">
        {drill.functionName}, {formatCount(drill.calls)} calls under a cap of {drill.cap}:{" "}
        {formatMoment(drill.startedAt)}
      </p>
      <Outcome stage={stage} calls={drill.calls} cap={drill.cap} />
    </div>
  );
}

function Outcome({ stage, calls, cap }: { stage: Drill["stage"]; calls: number; cap: string }) {
  switch (stage.kind) {
    case "running":
      return <Progress stage={stage} calls={calls} cap={cap} />;
    case "failed":
      return <Notice tone="danger">{stage.message}</Notice>;
    case "done":
      return <Report stage={stage} />;
  }
}

function Progress({ stage, calls, cap }: { stage: Stage<"running">; calls: number; cap: string }) {
  const { phase, made, answered, refused, spent } = stage;
  return (
    <div className="grid gap-2">
      <div
        role="progressbar"
        aria-label="Calls made"
        aria-valuemin={0}
        aria-valuemax={calls}
        aria-valuenow={made}
        className="h-2 overflow-hidden rounded-full bg-sunken"
      >
        <div
          className="h-full rounded-full bg-accent transition-[width] duration-300"
          style={{ width: `${(100 * made) / calls}%` }}
        />
      </div>
      <p className="text-[13px] tabular-nums">
        {formatCount(made)} calls made, {formatCount(answered)} answered, {formatCount(refused)} refused. {spent} of{" "}
        {cap} spent.
      </p>
      {phase === "settling" ? (
        <p className="text-[13px] text-muted">Waiting until the ledger has every answer…</p>
      ) : null}
    </div>
  );
}

const looks = {
  held: { Icon: ShieldCheck, classes: "border-success/30 bg-success-soft text-success" },
  not_reached: { Icon: CircleHelp, classes: "border-warning/30 bg-warning-soft text-warning" },
  unsure: { Icon: CircleHelp, classes: "border-warning/30 bg-warning-soft text-warning" },
  passed: { Icon: ShieldAlert, classes: "border-danger/30 bg-danger-soft text-danger" },
} as const;

function Report({ stage: { verdict, rows } }: { stage: Stage<"done"> }) {
  const { Icon, classes } = looks[verdict.kind];
  return (
    <>
      <output className={classNames("flex items-start gap-2.5 rounded-md border px-3 py-2.5", classes)}>
        <Icon aria-hidden className="mt-0.5 size-5 shrink-0" />
        <span className="grid min-w-0 gap-0.5">
          <strong className="text-sm font-semibold">{verdict.sentence}</strong>
          <span className="text-[13px]">{verdict.detail}</span>
        </span>
      </output>
      <div className="rounded-md border">
        <Table label="Flood drill report">
          <TableBody>
            {rows.map(({ title, value }) => (
              <Row key={title}>
                <RowHeader className="py-1.5 whitespace-normal">{title}</RowHeader>
                <Cell className="py-1.5 text-right tabular-nums">{value}</Cell>
              </Row>
            ))}
          </TableBody>
        </Table>
      </div>
    </>
  );
}
