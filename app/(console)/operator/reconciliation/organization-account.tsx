import type { inferRouterOutputs } from "@trpc/server";
import { Badge } from "#app/_ui/badge.tsx";
import { Section } from "#app/_ui/card.tsx";
import { meters } from "#app/_ui/meters.ts";
import { Notice } from "#app/_ui/notice.tsx";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";
import type { AppRouter } from "#server/api/root.ts";
import { moment } from "./moment.ts";

type Account = inferRouterOutputs<AppRouter>["reconciliation"]["organization"];

/** One organization: its running month in money, and its last hours in units. */
export function OrganizationAccount({ account }: { account: Account }) {
  const { organization, hours, month, awayBecause } = account;
  if (awayBecause !== null) return <Notice tone="danger">Stripe does not answer: {awayBecause}</Notice>;
  return (
    <>
      <Section
        title={`${organization.name}: the month so far`}
        description="Our lines beside Stripe's preview. Hours that are not sealed and told yet are on our side only."
        className="p-0"
      >
        {month ? (
          <Table label="The month so far">
            <TableHead>
              <tr>
                <HeadCell>Line</HeadCell>
                <HeadCell isNumber>Ledger</HeadCell>
                <HeadCell isNumber>Stripe</HeadCell>
                <HeadCell isNumber>Difference</HeadCell>
              </tr>
            </TableHead>
            <TableBody>
              {month.map(({ part, ours, stripe, difference, isEqual }) => (
                <Row key={part}>
                  <RowHeader>{part === "fee" ? "Fee" : meters[part].title}</RowHeader>
                  <Cell isNumber>{ours}</Cell>
                  <Cell isNumber>{stripe}</Cell>
                  <Cell isNumber>{isEqual ? "none" : difference}</Cell>
                </Row>
              ))}
            </TableBody>
          </Table>
        ) : (
          <p className="p-4 text-[13px] text-muted">It has no subscription at Stripe.</p>
        )}
      </Section>
      <Section
        title={`${organization.name}: the last 36 hours`}
        description="Totals by the hour (UTC), in Stripe's units."
        className="p-0"
      >
        {hours.length === 0 ? (
          <p className="p-4 text-[13px] text-muted">Nothing was used in these hours, or none of it is billed.</p>
        ) : (
          <Table label="The last 36 hours">
            <TableHead>
              <tr>
                <HeadCell>Hour</HeadCell>
                <HeadCell>Meter</HeadCell>
                <HeadCell isNumber>Ledger</HeadCell>
                <HeadCell isNumber>Stripe</HeadCell>
                <HeadCell isNumber>Difference</HeadCell>
                <HeadCell>State</HeadCell>
              </tr>
            </TableHead>
            <TableBody>
              {hours.map(({ hourAt, meter, unit, ledger, stripe, difference, isSettled }) => (
                <Row key={`${hourAt.toISOString()} ${meter}`}>
                  <RowHeader>{moment(hourAt)}</RowHeader>
                  <Cell className="whitespace-nowrap">
                    {meters[meter].title} <span className="text-muted">({unit})</span>
                  </Cell>
                  <Cell isNumber>{ledger.toLocaleString("en-US")}</Cell>
                  <Cell isNumber>{stripe.toLocaleString("en-US")}</Cell>
                  <Cell isNumber>{difference.toLocaleString("en-US")}</Cell>
                  <Cell>
                    <HourState difference={difference} isSettled={isSettled} />
                  </Cell>
                </Row>
              ))}
            </TableBody>
          </Table>
        )}
      </Section>
    </>
  );
}

function HourState({ difference, isSettled }: { difference: bigint; isSettled: boolean }) {
  if (!isSettled) return <Badge>on its way</Badge>;
  return difference === 0n ? <Badge tone="accent">equal</Badge> : <Badge tone="danger">differs</Badge>;
}
