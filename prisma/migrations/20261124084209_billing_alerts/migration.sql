-- CreateTable
CREATE TABLE "spending_alert" (
    "id" TEXT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "month_at" TIMESTAMPTZ(0) NOT NULL,
    "cap_cents" BIGINT NOT NULL,
    "share" INTEGER NOT NULL,
    "spent_cents" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "dismissed_at" TIMESTAMPTZ(3),

    CONSTRAINT "spending_alert_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "mail_message" (
    "id" TEXT NOT NULL,
    "to" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "text" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_attempt_at" TIMESTAMPTZ(3) NOT NULL,
    "last_error" TEXT,
    "sent_at" TIMESTAMPTZ(3),

    CONSTRAINT "mail_message_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "spending_alert_organization_id_month_at_cap_cents_share_key" ON "spending_alert"("organization_id", "month_at", "cap_cents", "share");

-- CreateIndex
CREATE INDEX "mail_message_sent_at_next_attempt_at_idx" ON "mail_message"("sent_at", "next_attempt_at");

-- AddForeignKey
ALTER TABLE "spending_alert" ADD CONSTRAINT "spending_alert_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
