-- Written by hand: Prisma knows no partitions. "log_line" becomes a table partitioned by UTC day, and keeps its lines.

ALTER TABLE "log_line" RENAME TO "log_line_whole";
ALTER TABLE "log_line_whole" RENAME CONSTRAINT "log_line_pkey" TO "log_line_whole_pkey";
ALTER INDEX "log_line_organization_id_function_id_at_idx" RENAME TO "log_line_whole_at_idx";
ALTER INDEX "log_line_request_id_idx" RENAME TO "log_line_whole_request_id_idx";

CREATE TABLE "log_line" (
    "epoch" BIGINT NOT NULL,
    "seq" BIGINT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "function_id" TEXT NOT NULL,
    "version_id" TEXT NOT NULL,
    "request_id" TEXT,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "level" TEXT NOT NULL,
    "message" TEXT NOT NULL,

    CONSTRAINT "log_line_pkey" PRIMARY KEY ("organization_id","function_id","epoch","seq","at")
) PARTITION BY RANGE ("at");

CREATE INDEX "log_line_organization_id_function_id_at_epoch_seq_idx" ON "log_line"("organization_id", "function_id", "at" DESC, "epoch" DESC, "seq" DESC);
CREATE INDEX "log_line_request_id_idx" ON "log_line"("request_id");

-- A partition for each day that has lines. Those of today and of the days to come are made by the runtime.
DO $$
DECLARE "day" TIMESTAMP;
BEGIN
    FOR "day" IN SELECT DISTINCT date_trunc('day', "at" AT TIME ZONE 'UTC') FROM "log_line_whole" LOOP
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF "log_line" FOR VALUES FROM (%L) TO (%L)',
            'log_line_day_' || to_char("day", 'YYYYMMDD'),
            to_char("day", 'YYYY-MM-DD') || ' 00:00:00+00',
            to_char("day" + INTERVAL '1 day', 'YYYY-MM-DD') || ' 00:00:00+00'
        );
    END LOOP;
END $$;

INSERT INTO "log_line" ("epoch", "seq", "organization_id", "function_id", "version_id", "request_id", "at", "level", "message")
SELECT "epoch", "seq", "organization_id", "function_id", "version_id", "request_id", "at", "level", "message" FROM "log_line_whole";
DROP TABLE "log_line_whole";
