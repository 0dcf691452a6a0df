-- AlterTable
ALTER TABLE "allowance" ADD COLUMN     "cpu_ns_included" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "cpu_ns_leased" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "cpu_ns_per" BIGINT NOT NULL DEFAULT 1,
ADD COLUMN     "cpu_ns_price" DECIMAL(30,12) NOT NULL DEFAULT 0,
ADD COLUMN     "cpu_ns_refused" BIGINT,
ADD COLUMN     "cpu_ns_used" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "egress_bytes_included" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "egress_bytes_leased" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "egress_bytes_per" BIGINT NOT NULL DEFAULT 1,
ADD COLUMN     "egress_bytes_price" DECIMAL(30,12) NOT NULL DEFAULT 0,
ADD COLUMN     "egress_bytes_refused" BIGINT,
ADD COLUMN     "egress_bytes_used" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "most_cents" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "period_from" TIMESTAMPTZ(0),
ADD COLUMN     "period_to" TIMESTAMPTZ(0),
ADD COLUMN     "requests_included" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "requests_leased" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "requests_per" BIGINT NOT NULL DEFAULT 1,
ADD COLUMN     "requests_price" DECIMAL(30,12) NOT NULL DEFAULT 0,
ADD COLUMN     "requests_refused" BIGINT,
ADD COLUMN     "requests_used" BIGINT NOT NULL DEFAULT 0,
ALTER COLUMN "state" SET DEFAULT 'open';

-- CreateTable
CREATE TABLE "allowance_lease" (
    "organization_id" TEXT NOT NULL,
    "epoch" BIGINT NOT NULL,
    "requests" BIGINT NOT NULL,
    "cpu_ns" BIGINT NOT NULL,
    "egress_bytes" BIGINT NOT NULL,

    CONSTRAINT "allowance_lease_pkey" PRIMARY KEY ("organization_id","epoch")
);

-- CreateIndex
CREATE INDEX "allowance_lease_epoch_idx" ON "allowance_lease"("epoch");

-- What a quantity costs: whole cents, the same sum as an invoice's line makes (picocents first, then cents, half up both times).
CREATE FUNCTION metered_cents(quantity NUMERIC, included BIGINT, price NUMERIC, per BIGINT) RETURNS NUMERIC
LANGUAGE SQL IMMUTABLE PARALLEL SAFE
RETURN div(2 * div(2 * greatest(quantity - included, 0) * price * 1e12 + per, 2.0 * per) + 1e12, 2e12);

-- Sums that went below zero would let through what nobody granted.
ALTER TABLE "allowance"
ADD CONSTRAINT "allowance_used_check" CHECK (requests_used >= 0 AND cpu_ns_used >= 0 AND egress_bytes_used >= 0),
ADD CONSTRAINT "allowance_leased_check" CHECK (requests_leased >= 0 AND cpu_ns_leased >= 0 AND egress_bytes_leased >= 0),
ADD CONSTRAINT "allowance_prices_check" CHECK (requests_price >= 0 AND cpu_ns_price >= 0 AND egress_bytes_price >= 0
  AND requests_per > 0 AND cpu_ns_per > 0 AND egress_bytes_per > 0 AND most_cents >= 0);
ALTER TABLE "allowance_lease"
ADD CONSTRAINT "allowance_lease_check" CHECK (requests >= 0 AND cpu_ns >= 0 AND egress_bytes >= 0);

-- These rows change many times a second: room in their pages keeps an update in its page, and out of the indexes.
ALTER TABLE "allowance" SET (fillfactor = 50);
ALTER TABLE "allowance_lease" SET (fillfactor = 50);
ALTER TABLE "usage_hour" SET (fillfactor = 70);

-- Every organization has its row from its first moment on.
INSERT INTO "allowance" (organization_id) SELECT id FROM "organization" ON CONFLICT DO NOTHING;
