import type { ClientBase } from "pg";
import { BILLED } from "./ledger.ts";
import type { SealedFact } from "./seal-text.ts";

const FETCH_ROWS = 5_000;

/**
 * The billed facts of an hour as a seal covers them, ascending by epoch and seq. Call it in a transaction; however many there are,
 * few are held at a time.
 */
export async function* sealedFacts(
  client: ClientBase,
  { organizationId, hourAt }: { organizationId: string; hourAt: Date },
): AsyncGenerator<SealedFact> {
  await client.query(
    `DECLARE sealed_facts NO SCROLL CURSOR FOR
     SELECT epoch::text, seq::text, kind::text, function_id, version_id, coalesce(request_id, '') AS request_id,
            to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS occurred_at, coalesce(status::text, '') AS status,
            outcome, cpu_ns::text, egress_bytes::text
     FROM usage_event AS event
     WHERE organization_id = $1
       AND function_id = ANY(ARRAY(SELECT function_id FROM usage_hour WHERE organization_id = $1 AND hour_at = $2::timestamptz))
       AND occurred_at >= $2::timestamptz AND occurred_at < $2::timestamptz + interval '1 hour' AND kind = ANY($3::usage_kind[])
     ORDER BY event.epoch, event.seq`,
    [organizationId, hourAt, [...BILLED]],
  );
  for (;;) {
    const { rows } = await client.query<SealedFact>(`FETCH ${FETCH_ROWS} FROM sealed_facts`);
    yield* rows;
    if (rows.length < FETCH_ROWS) break;
  }
  await client.query("CLOSE sealed_facts");
}
