"use client";

import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { useTRPC } from "#app/_trpc/client.tsx";
import { Badge } from "#app/_ui/badge.tsx";
import { Section } from "#app/_ui/card.tsx";
import { formatBytes, formatCpu } from "#app/_ui/quantity.ts";
import { Cell, HeadCell, Row, Table, TableBody, TableHead } from "#app/_ui/table.tsx";
import { clockTime, outcomeLabel, statusTone, wallTime, type Call } from "./call.ts";

const REFRESH_MS = 2_000;

export function RecentRequests({ organization, name }: { organization: string; name: string }) {
  const trpc = useTRPC();
  const { data } = useQuery(
    trpc.function.recentRequests.queryOptions(
      { organizationSlug: organization, name },
      { refetchInterval: REFRESH_MS },
    ),
  );
  return (
    <Section title="Recent requests" className="p-0">
      {data && data.length > 0 ? (
        <Table label="Recent requests">
          <TableHead>
            <Row>
              <HeadCell>Time</HeadCell>
              <HeadCell>Request</HeadCell>
              <HeadCell>Status</HeadCell>
              <HeadCell isNumber>Wall time</HeadCell>
              <HeadCell isNumber>CPU time</HeadCell>
              <HeadCell isNumber>Bytes out</HeadCell>
              <HeadCell isNumber>Cost</HeadCell>
              <HeadCell isNumber>Version</HeadCell>
            </Row>
          </TableHead>
          <TableBody>
            {data.map((call) => (
              <CallRow
                key={call.requestId}
                call={call}
                logsHref={`/${organization}/functions/${name}/logs?request=${call.requestId}`}
              />
            ))}
          </TableBody>
        </Table>
      ) : (
        <p className="px-4 py-6 text-center text-[13px] text-muted">
          {data ? "No request yet. Send one from the Run panel, or open the address above." : "Loading…"}
        </p>
      )}
    </Section>
  );
}

function CallRow({ call, logsHref }: { call: Call; logsHref: string }) {
  const label = outcomeLabel(call.outcome);
  return (
    <Row className="hover:bg-sunken/50">
      <Cell className="py-1.5 font-mono text-[12.5px] whitespace-nowrap text-muted">
        <Link href={logsHref} className="hover:text-text hover:underline" title="Show what it printed">
          {clockTime(call.occurredAtMs)}
        </Link>
      </Cell>
      <Cell className="max-w-80 truncate py-1.5 font-mono text-[12.5px]" title={`${call.method} ${call.path}`}>
        <span className="font-semibold">{call.method}</span> {call.path}
      </Cell>
      <Cell className="py-1.5 whitespace-nowrap">
        <Badge tone={statusTone(call.status)}>{call.status || "none"}</Badge>
        {label ? <span className="ml-1.5 text-xs text-muted">{label}</span> : null}
        {call.coldStart ? <span className="ml-1.5 text-xs text-muted">cold</span> : null}
      </Cell>
      <Cell isNumber className="py-1.5">
        {wallTime(call.wallUs)}
      </Cell>
      <Cell isNumber className="py-1.5">
        {formatCpu(call.cpuNs)}
      </Cell>
      <Cell isNumber className="py-1.5">
        {formatBytes(call.egressBytes)}
      </Cell>
      <Cell isNumber className="py-1.5">
        {call.cost}
      </Cell>
      <Cell isNumber className="py-1.5">
        {call.versionNumber}
      </Cell>
    </Row>
  );
}
