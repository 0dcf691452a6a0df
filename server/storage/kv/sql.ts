import { poolOf, type Db, type Tx } from "#server/db/client.ts";

export type Statement = {
  /** Names the plan that a connection keeps; one text has one name. */
  name: string;
  text: string;
  values: readonly (string | number | null | Uint8Array | readonly Uint8Array[])[];
};

/** Runs a statement. Its columns are cast to what both ways read alike: int, float8, text, boolean and bytea. */
export type Sql = <Row extends object>(statement: Statement) => Promise<Row[]>;

/** By the pool under a client: values go to Postgres as the bytes that they are. */
export function sqlOf(db: Db): Sql {
  const pool = poolOf(db);
  return async <Row extends object>({ name, text, values }: Statement) =>
    (await pool.query<Row>({ name, text, values: values.map(asBuffer) })).rows;
}

/** Within a transaction, beside what else is written in it. */
export function sqlIn(tx: Tx): Sql {
  return <Row extends object>({ text, values }: Statement) => tx.$queryRawUnsafe<Row[]>(text, ...values);
}

/** pg takes other views of bytes for JSON. */
function asBuffer(value: Statement["values"][number]): unknown {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;
}
