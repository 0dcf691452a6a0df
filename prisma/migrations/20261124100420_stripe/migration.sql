-- CreateEnum
CREATE TYPE "stripe_outbox_state" AS ENUM ('queued', 'delivered', 'superseded', 'late');

-- CreateTable
CREATE TABLE "stripe_customer" (
    "organization_id" TEXT NOT NULL,
    "customer_id" TEXT NOT NULL,
    "card_brand" TEXT,
    "card_last4" TEXT,
    "card_expires" TEXT,
    "unpaid_since" TIMESTAMPTZ(3),
    "notices_given" INTEGER NOT NULL DEFAULT 0,
    "was_stopped" BOOLEAN NOT NULL DEFAULT false,
    "checkout_id" TEXT,
    "parked_because" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "stripe_customer_pkey" PRIMARY KEY ("organization_id")
);

-- CreateTable
CREATE TABLE "stripe_subscription" (
    "subscription_id" TEXT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "price_version" INTEGER NOT NULL,
    "billed_from" TIMESTAMPTZ(0) NOT NULL,
    "billed_to" TIMESTAMPTZ(0),
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "stripe_subscription_pkey" PRIMARY KEY ("subscription_id")
);

-- CreateTable
CREATE TABLE "stripe_outbox" (
    "position" BIGSERIAL NOT NULL,
    "organization_id" TEXT NOT NULL,
    "meter" TEXT NOT NULL,
    "hour_at" TIMESTAMPTZ(0) NOT NULL,
    "revision" INTEGER NOT NULL,
    "value" BIGINT NOT NULL,
    "state" "stripe_outbox_state" NOT NULL DEFAULT 'queued',
    "key_generation" INTEGER NOT NULL DEFAULT 1,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_error" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "settled_at" TIMESTAMPTZ(3),

    CONSTRAINT "stripe_outbox_pkey" PRIMARY KEY ("position")
);

-- CreateTable
CREATE TABLE "stripe_invoice" (
    "invoice_id" TEXT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "subscription_id" TEXT,
    "number" TEXT,
    "status" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "period_from" TIMESTAMPTZ(0) NOT NULL,
    "period_to" TIMESTAMPTZ(0) NOT NULL,
    "total_cents" BIGINT NOT NULL,
    "lines" JSONB NOT NULL,
    "price_version" INTEGER,
    "url" TEXT,
    "pdf_url" TEXT,
    "finalizes_at" TIMESTAMPTZ(0),
    "overdue_since" TIMESTAMPTZ(3),
    "held_because" TEXT,
    "closed_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(0) NOT NULL,
    "fetched_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "stripe_invoice_pkey" PRIMARY KEY ("invoice_id")
);

-- CreateTable
CREATE TABLE "webhook_event" (
    "id" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "object_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(0) NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "applied_at" TIMESTAMPTZ(3),
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_error" TEXT,

    CONSTRAINT "webhook_event_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "stripe_notice" (
    "key" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "raised_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "stripe_notice_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "stripe_mark" (
    "name" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "stripe_mark_pkey" PRIMARY KEY ("name")
);

-- CreateIndex
CREATE UNIQUE INDEX "stripe_customer_customer_id_key" ON "stripe_customer"("customer_id");

-- CreateIndex
CREATE INDEX "stripe_subscription_organization_id_idx" ON "stripe_subscription"("organization_id");

-- CreateIndex
CREATE INDEX "stripe_outbox_state_organization_id_meter_position_idx" ON "stripe_outbox"("state", "organization_id", "meter", "position");

-- CreateIndex
CREATE UNIQUE INDEX "stripe_outbox_organization_id_meter_hour_at_revision_key" ON "stripe_outbox"("organization_id", "meter", "hour_at", "revision");

-- CreateIndex
CREATE INDEX "stripe_invoice_organization_id_period_from_idx" ON "stripe_invoice"("organization_id", "period_from");

-- CreateIndex
CREATE INDEX "stripe_invoice_status_idx" ON "stripe_invoice"("status");

-- CreateIndex
CREATE INDEX "webhook_event_applied_at_next_at_idx" ON "webhook_event"("applied_at", "next_at");

-- CreateIndex
CREATE INDEX "webhook_event_created_at_idx" ON "webhook_event"("created_at");
