-- AlterTable
ALTER TABLE "audit_entry" ALTER COLUMN "organization_id" DROP NOT NULL;

-- CreateTable
CREATE TABLE "price_version" (
    "version" INTEGER NOT NULL,
    "effective_at" TIMESTAMPTZ(0) NOT NULL,
    "plans" JSONB NOT NULL,
    "created_by" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "price_version_pkey" PRIMARY KEY ("version")
);

-- CreateTable
CREATE TABLE "plan_term" (
    "organization_id" TEXT NOT NULL,
    "from_at" TIMESTAMPTZ(0) NOT NULL,
    "plan" "plan_name" NOT NULL,

    CONSTRAINT "plan_term_pkey" PRIMARY KEY ("organization_id","from_at")
);

-- CreateTable
CREATE TABLE "spending_rule" (
    "organization_id" TEXT NOT NULL,
    "cap_cents" BIGINT NOT NULL,
    "alert_shares" INTEGER[],
    "paused_because" TEXT,
    "unpaid_because" TEXT,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "spending_rule_pkey" PRIMARY KEY ("organization_id")
);

-- CreateTable
CREATE TABLE "billing_mark" (
    "name" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "billing_mark_pkey" PRIMARY KEY ("name")
);

-- CreateIndex
CREATE INDEX "plan_term_from_at_idx" ON "plan_term"("from_at");

-- CreateIndex
CREATE UNIQUE INDEX "price_version_effective_at_key" ON "price_version"("effective_at");

-- AddForeignKey
ALTER TABLE "plan_term" ADD CONSTRAINT "plan_term_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "spending_rule" ADD CONSTRAINT "spending_rule_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;


-- By hand: what has been published as a price never changes, and an hour has one price and one plan.
ALTER TABLE "price_version" ADD CONSTRAINT "price_version_on_the_hour" CHECK (date_trunc('hour', "effective_at", 'UTC') = "effective_at");
ALTER TABLE "plan_term" ADD CONSTRAINT "plan_term_on_the_hour" CHECK (date_trunc('hour', "from_at", 'UTC') = "from_at");
-- The schema engine parts a script at each semicolon, wherever it stands: in a function's body it is written \x3b.
CREATE FUNCTION "refuse_change"() RETURNS trigger LANGUAGE plpgsql
AS E'BEGIN RAISE EXCEPTION ''% rows are never changed or deleted'', TG_TABLE_NAME\x3b END';
CREATE TRIGGER "price_version_is_immutable" BEFORE UPDATE OR DELETE ON "price_version" FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
