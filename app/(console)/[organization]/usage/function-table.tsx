import Link from "next/link";
import { formatBytes, formatCount, formatCpu } from "#app/_ui/quantity.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";
import type { Month } from "./usage-report.tsx";

export function FunctionTable({ rows, organizationSlug }: { rows: Month["byFunction"]; organizationSlug: string }) {
  if (rows.length === 0) {
    return (
      <p className="p-4 text-[13px] text-muted">
        No function has been called this month. What each one uses will stand here.
      </p>
    );
  }
  return (
    <Table label="Usage by function">
      <TableHead>
        <Row>
          <HeadCell>Function</HeadCell>
          <HeadCell isNumber>Requests</HeadCell>
          <HeadCell isNumber>Failed</HeadCell>
          <HeadCell isNumber>CPU time</HeadCell>
          <HeadCell isNumber>Egress</HeadCell>
          <HeadCell isNumber>At list price</HeadCell>
        </Row>
      </TableHead>
      <TableBody>
        {rows.map((row) => (
          <Row key={row.functionId}>
            <RowHeader>
              {row.name === null ? (
                <span className="text-muted">deleted ({row.functionId.slice(0, 9)}…)</span>
              ) : (
                <Link href={`/${organizationSlug}/functions/${row.name}`} className="hover:text-accent">
                  {row.name}
                </Link>
              )}
            </RowHeader>
            <Cell isNumber>{formatCount(row.usage.requests)}</Cell>
            <Cell isNumber className={row.failures > 0n ? "text-danger" : "text-muted"}>
              {formatCount(row.failures)}
            </Cell>
            <Cell isNumber>{formatCpu(row.usage.cpuNs)}</Cell>
            <Cell isNumber>{formatBytes(row.usage.egressBytes)}</Cell>
            <Cell isNumber>{row.worth}</Cell>
          </Row>
        ))}
      </TableBody>
    </Table>
  );
}
