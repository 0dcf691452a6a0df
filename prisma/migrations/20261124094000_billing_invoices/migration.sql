-- CreateTable
CREATE TABLE "invoice" (
    "id" TEXT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "period_from" TIMESTAMPTZ(0) NOT NULL,
    "period_to" TIMESTAMPTZ(0) NOT NULL,
    "state" TEXT NOT NULL,
    "reason" TEXT NOT NULL DEFAULT '',
    "number" TEXT,
    "total_cents" BIGINT NOT NULL DEFAULT 0,
    "credit_cents" BIGINT NOT NULL DEFAULT 0,
    "seal_hash" TEXT NOT NULL DEFAULT '',
    "issued_at" TIMESTAMPTZ(3),
    "settled_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "invoice_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "invoice_line" (
    "invoice_id" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "meter" TEXT,
    "plan" "plan_name",
    "price_version" INTEGER,
    "from_at" TIMESTAMPTZ(0) NOT NULL,
    "to_at" TIMESTAMPTZ(0) NOT NULL,
    "quantity" BIGINT NOT NULL,
    "billable" BIGINT NOT NULL,
    "price" TEXT NOT NULL,
    "per" BIGINT NOT NULL,
    "cents" BIGINT NOT NULL,

    CONSTRAINT "invoice_line_pkey" PRIMARY KEY ("invoice_id","position")
);

-- CreateTable
CREATE TABLE "invoice_counter" (
    "year" INTEGER NOT NULL,
    "last" INTEGER NOT NULL,

    CONSTRAINT "invoice_counter_pkey" PRIMARY KEY ("year")
);

-- CreateTable
CREATE TABLE "credit" (
    "id" TEXT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "cents" BIGINT NOT NULL,
    "reason" TEXT NOT NULL,
    "granted_by" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "credit_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "posting" (
    "id" BIGSERIAL NOT NULL,
    "transaction_id" TEXT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "account" TEXT NOT NULL,
    "cents" BIGINT NOT NULL,
    "invoice_id" TEXT,
    "credit_id" TEXT,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "posting_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "billed_hour" (
    "organization_id" TEXT NOT NULL,
    "hour_at" TIMESTAMPTZ(0) NOT NULL,
    "revision" INTEGER NOT NULL,
    "invoice_id" TEXT NOT NULL,
    "requests" BIGINT NOT NULL,
    "cpu_ns" BIGINT NOT NULL,
    "egress_bytes" BIGINT NOT NULL,

    CONSTRAINT "billed_hour_pkey" PRIMARY KEY ("organization_id","hour_at","revision")
);

-- CreateIndex
CREATE UNIQUE INDEX "invoice_number_key" ON "invoice"("number");

-- CreateIndex
CREATE INDEX "invoice_state_organization_id_idx" ON "invoice"("state", "organization_id");

-- CreateIndex
CREATE UNIQUE INDEX "invoice_organization_id_period_from_key" ON "invoice"("organization_id", "period_from");

-- CreateIndex
CREATE INDEX "credit_organization_id_at_idx" ON "credit"("organization_id", "at" DESC);

-- CreateIndex
CREATE INDEX "posting_organization_id_account_idx" ON "posting"("organization_id", "account");

-- CreateIndex
CREATE INDEX "posting_transaction_id_idx" ON "posting"("transaction_id");

-- CreateIndex
CREATE INDEX "billed_hour_invoice_id_hour_at_idx" ON "billed_hour"("invoice_id", "hour_at");

-- AddForeignKey
ALTER TABLE "invoice" ADD CONSTRAINT "invoice_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "invoice_line" ADD CONSTRAINT "invoice_line_invoice_id_fkey" FOREIGN KEY ("invoice_id") REFERENCES "invoice"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- By hand: what was issued stays, and money comes from somewhere. A semicolon in a function's body is written \x3b.
CREATE TRIGGER "invoice_line_is_immutable" BEFORE UPDATE OR DELETE ON "invoice_line" FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "posting_is_immutable" BEFORE UPDATE OR DELETE ON "posting" FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "credit_is_immutable" BEFORE UPDATE OR DELETE ON "credit" FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
CREATE FUNCTION "check_balanced"() RETURNS trigger LANGUAGE plpgsql
AS E'BEGIN IF (SELECT sum(cents) FROM posting WHERE transaction_id = NEW.transaction_id) <> 0 THEN RAISE EXCEPTION ''postings of % do not add up to zero'', NEW.transaction_id\x3b END IF\x3b RETURN NULL\x3b END';
CREATE CONSTRAINT TRIGGER "posting_is_balanced" AFTER INSERT ON "posting" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "check_balanced"();
ALTER TABLE "credit" ADD CONSTRAINT "credit_is_positive" CHECK ("cents" > 0);
ALTER TABLE "invoice" ADD CONSTRAINT "invoice_amounts" CHECK ("total_cents" >= 0 AND "credit_cents" >= 0 AND "credit_cents" <= "total_cents"),
ADD CONSTRAINT "invoice_number_with_issue" CHECK (("number" IS NULL) = ("state" = 'draft') AND ("issued_at" IS NULL) = ("state" = 'draft'));
CREATE TRIGGER "billed_hour_is_immutable" BEFORE UPDATE OR DELETE ON "billed_hour" FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
