-- Partly written by hand: Prisma knows no partitions. "usage_event" becomes a table partitioned by UTC month. What was there
-- stays where it is, as the partition of whatever has no month of its own, until the console's job moves it to its months.
DROP INDEX "usage_event_request_id_idx";
DROP INDEX "usage_event_organization_id_function_id_occurred_at_idx";
ALTER TABLE "usage_event" DROP CONSTRAINT "usage_event_pkey";
ALTER TABLE "usage_event" RENAME TO "usage_event_rest";
CREATE TABLE "usage_event" (LIKE "usage_event_rest" INCLUDING DEFAULTS) PARTITION BY RANGE ("occurred_at");
ALTER TABLE "usage_event" ADD CONSTRAINT "usage_event_pkey" PRIMARY KEY ("epoch", "seq", "occurred_at");
CREATE INDEX "usage_event_request_id_idx" ON "usage_event" USING BRIN ("request_id") WITH (autosummarize = on);
CREATE INDEX "usage_event_function_id_occurred_at_idx" ON "usage_event"("function_id", "occurred_at" DESC);
ALTER TABLE "usage_event" ATTACH PARTITION "usage_event_rest" DEFAULT;

-- AlterTable
ALTER TABLE "runtime_epoch" ADD COLUMN     "fenced_at" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "usage_hour" ADD COLUMN     "sealed" BOOLEAN NOT NULL DEFAULT false;

-- CreateTable
CREATE TABLE "usage_seal" (
    "organization_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "hour_at" TIMESTAMPTZ(0) NOT NULL,
    "revision" INTEGER NOT NULL,
    "requests" BIGINT NOT NULL,
    "cpu_ns" BIGINT NOT NULL,
    "egress_bytes" BIGINT NOT NULL,
    "facts" BIGINT NOT NULL,
    "facts_digest" TEXT NOT NULL,
    "sealed_at" TIMESTAMPTZ(3) NOT NULL,
    "previous_hash" TEXT NOT NULL,
    "hash" TEXT NOT NULL,

    CONSTRAINT "usage_seal_pkey" PRIMARY KEY ("organization_id","hour_at","revision")
);

-- CreateIndex
CREATE INDEX "usage_seal_sealed_at_idx" ON "usage_seal"("sealed_at");

-- CreateIndex
CREATE UNIQUE INDEX "usage_seal_organization_id_number_key" ON "usage_seal"("organization_id", "number");

-- CreateIndex
CREATE INDEX "usage_hour_sealed_hour_at_idx" ON "usage_hour"("sealed", "hour_at");
