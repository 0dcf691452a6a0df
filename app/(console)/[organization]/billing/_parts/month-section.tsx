"use client";

import Link from "next/link";
import { failureOf } from "#app/_trpc/failure.ts";
import { Section } from "#app/_ui/card.tsx";
import { meters } from "#app/_ui/meters.ts";
import { Notice } from "#app/_ui/notice.tsx";
import { formatCount, formatDay } from "#app/_ui/quantity.ts";
import { Cell, Row, RowHeader, Table, TableBody } from "#app/_ui/table.tsx";
import type { Bill } from "./billing-data.ts";
import { useMonth } from "./use-month.ts";

/** What the month has come to, line by line as its invoice will have them. */
export function MonthSection({ organizationSlug, initial }: { organizationSlug: string; initial: Bill }) {
  const { data: month, error } = useMonth(organizationSlug, initial);
  return (
    <Section
      title="This month"
      description={`${formatDay(month.from)} to ${formatDay(new Date(month.to.getTime() - 1))}, days in UTC. Live from the ledger.`}
      className="p-0"
      actions={
        <Link
          href={`/${organizationSlug}/usage`}
          className="text-[13px] text-accent underline-offset-4 hover:underline"
        >
          By day and by function
        </Link>
      }
    >
      <div className="px-4 pt-4 pb-3">
        {error ? (
          <div className="mb-3">
            <Notice tone="warning">Not up to date: {failureOf(error).message}</Notice>
          </div>
        ) : null}
        {month.stoppedBecause === null ? null : (
          <div className="mb-3">
            <Notice tone="danger">{month.stoppedBecause}</Notice>
          </div>
        )}
        <p className="text-3xl font-semibold tracking-tight tabular-nums">{month.total}</p>
        <p className="text-[13px] text-muted">so far, of which usage beyond the plan is {month.usageCost}</p>
      </div>
      <Table label="This month so far">
        <TableBody>
          {month.fees.map((fee) => (
            <Row key={fee.from.getTime()}>
              <RowHeader>{fee.title}</RowHeader>
              <Cell className="text-muted">{feeWords(fee)}</Cell>
              <Cell isNumber>{fee.cost}</Cell>
            </Row>
          ))}
          {month.lines.map(({ meter, used, included, cost }) => (
            <Row key={meter}>
              <RowHeader>{meters[meter].title}</RowHeader>
              <Cell className="text-muted tabular-nums">
                {meters[meter].format(used)}
                <span className="max-sm:hidden"> used</span>, {meters[meter].format(included)} included
              </Cell>
              <Cell isNumber>{cost}</Cell>
            </Row>
          ))}
        </TableBody>
        <tfoot className="border-t">
          <Row className="font-medium">
            <RowHeader>Total</RowHeader>
            <Cell />
            <Cell isNumber>{month.total}</Cell>
          </Row>
        </tfoot>
      </Table>
    </Section>
  );
}

function feeWords({ hours, hoursInMonth, from, to }: Bill["fees"][number]): string {
  if (hours === hoursInMonth) return "The whole month";
  const days = `${formatDay(from)} to ${formatDay(new Date(to.getTime() - 1))}`;
  return `${days}: ${formatCount(hours)} of ${formatCount(hoursInMonth)} hours`;
}
