import { meters } from "#app/_ui/meters.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";
import type { Month } from "./usage-report.tsx";

/** Who may not see what is owed sees what the same usage is worth at the public prices. */
export function UsageTable({ month }: { month: Month }) {
  const showsCost = month.cost !== null;
  return (
    <Table label="Usage">
      <TableHead>
        <Row>
          <HeadCell>Meter</HeadCell>
          <HeadCell isNumber>Used</HeadCell>
          <HeadCell isNumber>Included</HeadCell>
          <HeadCell isNumber>{showsCost ? "Cost" : "At list price"}</HeadCell>
        </Row>
      </TableHead>
      <TableBody>
        {month.lines.map(({ meter, used, included, cost, worth }) => (
          <Row key={meter}>
            <RowHeader>{meters[meter].title}</RowHeader>
            <Cell isNumber>
              {meters[meter].format(used)}
              <ShareBar used={used} included={included} />
            </Cell>
            <Cell isNumber className="text-muted">
              {meters[meter].format(included)}
            </Cell>
            <Cell isNumber>{cost ?? worth}</Cell>
          </Row>
        ))}
      </TableBody>
      <tfoot className="border-t">
        <Row className="font-medium">
          <RowHeader>Total</RowHeader>
          <Cell />
          <Cell />
          <Cell isNumber>{month.cost ?? month.worth}</Cell>
        </Row>
      </tfoot>
    </Table>
  );
}

/** How much of what is included has gone. For the eye only: the numbers stand beside it. */
function ShareBar({ used, included }: { used: bigint; included: bigint }) {
  const percent = included === 0n ? 0 : Math.min(100, Number((used * 10_000n) / included) / 100);
  return (
    <span aria-hidden className="mt-1 ml-auto h-1 w-24 max-sm:hidden sm:block overflow-hidden rounded-full bg-sunken">
      <span
        className={
          percent >= 100
            ? "block h-full bg-danger"
            : percent >= 80
              ? "block h-full bg-warning"
              : "block h-full bg-accent"
        }
        style={{ width: used > 0n ? `max(${percent}%, 2px)` : 0 }}
      />
    </span>
  );
}
