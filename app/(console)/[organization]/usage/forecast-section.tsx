import type { inferRouterOutputs } from "@trpc/server";
import type { AppRouter } from "#server/api/root.ts";
import { Section } from "#app/_ui/card.tsx";
import { meters } from "#app/_ui/meters.ts";
import { formatMoment } from "#app/_ui/quantity.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";

type Forecast = inferRouterOutputs<AppRouter>["usage"]["outlook"]["forecast"];

export function ForecastSection({ forecast }: { forecast: Forecast }) {
  if (forecast.kind === "too_early") {
    return (
      <Section title="By the end of the month">
        <p className="text-[13px] text-muted">
          A forecast needs {forecast.wholeDaysMin} whole days (UTC) of usage to go by; there{" "}
          {wholeDays(forecast.wholeDays)}.
        </p>
      </Section>
    );
  }
  const { basedOnDays, lines, usageCost, capText, limitAt } = forecast;
  return (
    <Section
      title="By the end of the month"
      description={`If the rest of it is like the last ${basedOnDays} whole days: on average, and like the quieter and the busier half of them.`}
      className="p-0"
    >
      {limitAt === null ? null : (
        <p className="border-b px-4 py-3 text-[13px] text-warning">
          At this pace {capText === null ? "what is included is used up" : `the cap of ${capText} is reached`} about{" "}
          {formatMoment(limitAt)}. What would come after that does not run.
        </p>
      )}
      <Table label="Forecast">
        <TableHead>
          <Row>
            <HeadCell>Meter</HeadCell>
            <HeadCell isNumber>Quiet</HeadCell>
            <HeadCell isNumber>Average</HeadCell>
            <HeadCell isNumber>Busy</HeadCell>
            <HeadCell isNumber className="max-sm:hidden">
              Included
            </HeadCell>
          </Row>
        </TableHead>
        <TableBody>
          {lines
            .filter(({ meter }) => meter !== "storage")
            .map(({ meter, range, included }) => (
              <Row key={meter}>
                <RowHeader>{meters[meter].title}</RowHeader>
                <Cell isNumber className="text-muted">
                  {meters[meter].format(range.low)}
                </Cell>
                <Cell isNumber>{meters[meter].format(range.middle)}</Cell>
                <Cell isNumber className="text-muted">
                  {meters[meter].format(range.high)}
                </Cell>
                <Cell isNumber className="text-muted max-sm:hidden">
                  {meters[meter].format(included)}
                </Cell>
              </Row>
            ))}
        </TableBody>
        {usageCost === null ? null : (
          <tfoot className="border-t font-medium">
            <Row>
              <RowHeader>Cost beyond the fee</RowHeader>
              <Cell isNumber className="text-muted">
                {usageCost.low}
              </Cell>
              <Cell isNumber>{usageCost.middle}</Cell>
              <Cell isNumber className="text-muted">
                {usageCost.high}
              </Cell>
              <Cell className="max-sm:hidden" />
            </Row>
          </tfoot>
        )}
      </Table>
    </Section>
  );
}

function wholeDays(days: number): string {
  if (days === 0) return "is none yet";
  return days === 1 ? "is one so far" : `are ${days} so far`;
}
