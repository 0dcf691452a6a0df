import type { inferRouterOutputs } from "@trpc/server";
import type { AppRouter } from "#server/api/root.ts";
import { Section } from "#app/_ui/card.tsx";
import { formatCount, formatDay } from "#app/_ui/quantity.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";

type Comparison = inferRouterOutputs<AppRouter>["usage"]["outlook"]["comparison"];

/** The same usage at others' published prices, with where they stand, when they were read and what is assumed. */
export function ComparisonSection({ comparison }: { comparison: Comparison }) {
  const { ours, others, durationMs } = comparison;
  return (
    <Section
      title="The same usage elsewhere"
      description={`This month so far, at published list prices. Durations there are billed as well: about ${formatCount(durationMs / 1000n)} s, by the newest calls of each function.`}
      className="p-0"
    >
      <Table label="The same usage elsewhere">
        <TableHead>
          <Row>
            <HeadCell>Where</HeadCell>
            <HeadCell className="max-sm:hidden">Made of</HeadCell>
            <HeadCell isNumber>Total</HeadCell>
          </Row>
        </TableHead>
        <TableBody>
          <Row className="bg-accent-soft/40">
            <RowHeader className="whitespace-normal">{ours.title}</RowHeader>
            <Cell className="text-muted max-sm:hidden">
              The fee of a whole month, and usage beyond what it includes
            </Cell>
            <Cell isNumber className="font-medium">
              {ours.total}
            </Cell>
          </Row>
          {others.map((offer) => (
            <Row key={offer.vendor}>
              <RowHeader className="align-top font-normal whitespace-normal">{offer.title}</RowHeader>
              <Cell className="align-top text-muted max-sm:hidden">
                {offer.parts.map(({ title, cost }) => `${title} ${cost}`).join(" · ")}
              </Cell>
              <Cell isNumber className="align-top font-medium">
                {offer.total}
              </Cell>
            </Row>
          ))}
        </TableBody>
      </Table>
      <details className="border-t px-4 py-3 text-[13px]">
        <summary className="cursor-pointer font-medium">What is assumed, and where the prices stand</summary>
        <ul className="mt-2 grid gap-2 text-muted">
          {others.map(({ vendor, title, assumptions, source, readOn }) => (
            <li key={vendor}>
              <span className="font-medium text-text">{title}.</span> {assumptions.join(" ")}{" "}
              <a href={source} rel="noreferrer" className="text-accent underline-offset-4 hover:underline">
                List
              </a>
              , read on {formatDay(new Date(readOn))} {new Date(readOn).getUTCFullYear()}.
            </li>
          ))}
        </ul>
      </details>
    </Section>
  );
}
