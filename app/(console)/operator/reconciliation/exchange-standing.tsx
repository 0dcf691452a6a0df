import type { inferRouterOutputs } from "@trpc/server";
import { Card, Section } from "#app/_ui/card.tsx";
import { Notice } from "#app/_ui/notice.tsx";
import { Stat } from "#app/_ui/stat.tsx";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";
import type { AppRouter } from "#server/api/root.ts";
import { LookAgain, Unpark } from "./actions.tsx";
import { moment } from "./moment.ts";

type Standing = NonNullable<inferRouterOutputs<AppRouter>["reconciliation"]["standing"]>;

export function ExchangeStanding({ standing }: { standing: Standing }) {
  const { outbox, events, notices, parked, held } = standing;
  return (
    <>
      {notices.map(({ key, message, raisedAt }) => (
        <Notice key={key} tone="danger">
          {message} <span className="whitespace-nowrap opacity-80">Since {moment(raisedAt)}.</span>
        </Notice>
      ))}
      <Card>
        <dl className="grid divide-y sm:grid-cols-3 sm:divide-x sm:divide-y-0">
          <Stat
            label="Hours waiting to be told"
            value={outbox.queued.toLocaleString("en-US")}
            note={outbox.oldestHourAt ? `the oldest of ${moment(outbox.oldestHourAt)}` : "none"}
          />
          <Stat
            label="Events waiting to be applied"
            value={events.waiting.toLocaleString("en-US")}
            note={events.caughtUpAt ? `asked Stripe for missed ones ${moment(events.caughtUpAt)}` : "never asked yet"}
          />
          <Stat
            label="Last webhook"
            value={<span className="text-base">{events.last?.type ?? "None"}</span>}
            note={events.last ? moment(events.last.receivedAt) : "none has arrived"}
          />
        </dl>
      </Card>
      {held.length > 0 ? (
        <Section
          title="Invoices that are held"
          description="They differ from the ledger and charge nobody."
          className="p-0"
        >
          <Table label="Invoices that are held">
            <TableHead>
              <tr>
                <HeadCell>Organization</HeadCell>
                <HeadCell>Month</HeadCell>
                <HeadCell>Why</HeadCell>
                <HeadCell>
                  <span className="sr-only">Action</span>
                </HeadCell>
              </tr>
            </TableHead>
            <TableBody>
              {held.map(({ invoiceId, name, monthAt, because }) => (
                <Row key={invoiceId}>
                  <RowHeader>{name}</RowHeader>
                  <Cell className="whitespace-nowrap">{moment(monthAt).slice(0, 7)}</Cell>
                  <Cell className="min-w-64">{because}</Cell>
                  <Cell>
                    <LookAgain invoiceId={invoiceId} />
                  </Cell>
                </Row>
              ))}
            </TableBody>
          </Table>
        </Section>
      ) : null}
      {parked.length > 0 ? (
        <Section
          title="Organizations that are parked"
          description="Stripe takes no usage of them; it waits here."
          className="p-0"
        >
          <Table label="Organizations that are parked">
            <TableHead>
              <tr>
                <HeadCell>Organization</HeadCell>
                <HeadCell>Why</HeadCell>
                <HeadCell>
                  <span className="sr-only">Action</span>
                </HeadCell>
              </tr>
            </TableHead>
            <TableBody>
              {parked.map(({ organizationId, name, slug, because }) => (
                <Row key={organizationId}>
                  <RowHeader>{name}</RowHeader>
                  <Cell className="min-w-64">{because}</Cell>
                  <Cell>
                    <Unpark organizationSlug={slug} />
                  </Cell>
                </Row>
              ))}
            </TableBody>
          </Table>
        </Section>
      ) : null}
    </>
  );
}
