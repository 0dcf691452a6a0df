-- AlterTable
ALTER TABLE "organization" ADD COLUMN     "drill_of" TEXT;

-- CreateTable
CREATE TABLE "flood_drill" (
    "id" TEXT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "temporary_id" TEXT NOT NULL,
    "temporary_function_id" TEXT NOT NULL,
    "function_name" TEXT NOT NULL,
    "state" JSONB NOT NULL,
    "started_by" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "flood_drill_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "flood_drill_organization_id_started_at_idx" ON "flood_drill"("organization_id", "started_at" DESC);

-- CreateIndex
CREATE INDEX "flood_drill_started_at_idx" ON "flood_drill"("started_at");
