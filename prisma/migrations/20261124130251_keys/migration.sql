-- AlterTable
ALTER TABLE "function" ADD COLUMN     "bindings" JSONB NOT NULL DEFAULT '[]';

-- AlterTable
ALTER TABLE "version" ADD COLUMN     "bindings" JSONB NOT NULL DEFAULT '[]';

-- CreateTable
CREATE TABLE "kv_namespace" (
    "id" TEXT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "kv_namespace_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "kv_entry" (
    "namespace_id" TEXT NOT NULL,
    "key" BYTEA NOT NULL,
    "value" BYTEA NOT NULL,
    "metadata" TEXT,
    "expires_at" TIMESTAMPTZ(0),
    "size_bytes" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "kv_entry_pkey" PRIMARY KEY ("namespace_id","key")
);

-- CreateTable
CREATE TABLE "kv_total" (
    "namespace_id" TEXT NOT NULL,
    "shard" INTEGER NOT NULL,
    "keys" BIGINT NOT NULL,
    "bytes" BIGINT NOT NULL,

    CONSTRAINT "kv_total_pkey" PRIMARY KEY ("namespace_id","shard")
);

-- CreateIndex
CREATE UNIQUE INDEX "kv_namespace_organization_id_name_key" ON "kv_namespace"("organization_id", "name");

-- AddForeignKey
ALTER TABLE "kv_namespace" ADD CONSTRAINT "kv_namespace_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Written by hand. What is found by the sweep, and nothing of the many entries that never expire.
CREATE INDEX "kv_entry_expires_at_idx" ON "kv_entry"("expires_at") WHERE expires_at IS NOT NULL;

-- By statement, so that a thousand rows written at once move a total once; by trigger, as only Postgres knows for sure
-- whether an upsert made a row or changed one.
CREATE FUNCTION "kv_count"(entry_namespace text, keys_more bigint, bytes_more bigint) RETURNS void LANGUAGE sql
AS 'INSERT INTO kv_total AS t (namespace_id, shard, keys, bytes) VALUES (entry_namespace, pg_backend_pid() % 8, keys_more, bytes_more) ON CONFLICT (namespace_id, shard) DO UPDATE SET keys = t.keys + excluded.keys, bytes = t.bytes + excluded.bytes';
CREATE FUNCTION "kv_count_inserted"() RETURNS trigger LANGUAGE plpgsql
AS E'BEGIN PERFORM kv_count(namespace_id, count(*), sum(size_bytes)) FROM added GROUP BY namespace_id ORDER BY namespace_id\x3b RETURN NULL\x3b END';
CREATE FUNCTION "kv_count_updated"() RETURNS trigger LANGUAGE plpgsql
AS E'BEGIN PERFORM kv_count(namespace_id, 0, sum(bytes)::bigint) FROM (SELECT namespace_id, size_bytes::bigint AS bytes FROM added UNION ALL SELECT namespace_id, -size_bytes::bigint FROM removed) AS moved GROUP BY namespace_id HAVING sum(bytes) <> 0 ORDER BY namespace_id\x3b RETURN NULL\x3b END';
CREATE FUNCTION "kv_count_deleted"() RETURNS trigger LANGUAGE plpgsql
AS E'BEGIN PERFORM kv_count(namespace_id, -count(*), -sum(size_bytes)) FROM removed GROUP BY namespace_id ORDER BY namespace_id\x3b RETURN NULL\x3b END';
CREATE TRIGGER "kv_entry_inserted" AFTER INSERT ON "kv_entry" REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION "kv_count_inserted"();
CREATE TRIGGER "kv_entry_updated" AFTER UPDATE ON "kv_entry" REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION "kv_count_updated"();
CREATE TRIGGER "kv_entry_deleted" AFTER DELETE ON "kv_entry" REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION "kv_count_deleted"();
