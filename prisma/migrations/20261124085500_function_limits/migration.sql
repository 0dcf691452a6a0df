-- AlterTable
ALTER TABLE "function" ADD COLUMN     "limits" JSONB;
