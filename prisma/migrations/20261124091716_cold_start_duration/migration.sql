-- AlterTable
ALTER TABLE "usage_event" ADD COLUMN     "start_us" INTEGER;
