import type { inferRouterOutputs } from "@trpc/server";
import type { AppRouter } from "#server/api/root.ts";
import { Badge } from "#app/_ui/badge.tsx";
import { formatBytes, formatCpu } from "#app/_ui/quantity.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";

type Fact = inferRouterOutputs<AppRouter>["invoice"]["hour"]["facts"][number];

/** What was charged beside calls. */
const besides = {
  after: "CPU after the answer (waitUntil)",
  background: "CPU of start-up and idle beyond what is free",
} as const;

export function FactTable({ facts }: { facts: Fact[] }) {
  if (facts.length === 0) return null;
  return (
    <Table label="Requests of the hour">
      <TableHead>
        <Row>
          <HeadCell>Time (UTC)</HeadCell>
          <HeadCell>Function</HeadCell>
          <HeadCell>Request</HeadCell>
          <HeadCell isNumber>CPU</HeadCell>
          <HeadCell isNumber>Egress</HeadCell>
          <HeadCell isNumber>Price</HeadCell>
        </Row>
      </TableHead>
      <TableBody>
        {facts.map((fact) => (
          <Row key={fact.key}>
            <RowHeader className="font-mono text-xs font-normal">
              {fact.occurredAt.toISOString().slice(11, 23)}
            </RowHeader>
            <Cell>{fact.functionName ?? <span className="text-muted">deleted</span>}</Cell>
            <Cell className="max-w-72 truncate font-mono text-xs">
              {fact.kind === "request" ? (
                <>
                  {fact.status === null ? null : (
                    <Badge tone={fact.status >= 500 ? "danger" : fact.status >= 400 ? "warning" : "neutral"}>
                      {fact.status}
                    </Badge>
                  )}{" "}
                  {fact.method} {fact.path}
                </>
              ) : (
                <span className="font-sans text-muted">{besides[fact.kind]}</span>
              )}
            </Cell>
            <Cell isNumber>{formatCpu(fact.cpuNs)}</Cell>
            <Cell isNumber>{formatBytes(fact.egressBytes)}</Cell>
            <Cell isNumber className="text-muted">
              {fact.worth}
            </Cell>
          </Row>
        ))}
      </TableBody>
    </Table>
  );
}
