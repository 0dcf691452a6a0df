-- CreateEnum
CREATE TYPE "s3_access" AS ENUM ('read', 'write');

-- CreateTable
CREATE TABLE "bucket" (
    "id" TEXT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "object_count" BIGINT NOT NULL DEFAULT 0,
    "stored_bytes" BIGINT NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "bucket_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "stored_object" (
    "bucket_id" TEXT NOT NULL,
    "key" BYTEA NOT NULL,
    "organization_id" TEXT NOT NULL,
    "size_bytes" BIGINT NOT NULL,
    "etag" TEXT NOT NULL,
    "headers" JSONB NOT NULL,
    "user_metadata" JSONB NOT NULL,
    "checksum" JSONB,
    "blob_id" TEXT,
    "upload_id" TEXT,
    "uploaded_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "stored_object_pkey" PRIMARY KEY ("bucket_id","key")
);

-- CreateTable
CREATE TABLE "multipart_upload" (
    "id" TEXT NOT NULL,
    "bucket_id" TEXT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "key" BYTEA NOT NULL,
    "headers" JSONB NOT NULL,
    "user_metadata" JSONB NOT NULL,
    "checksum_algorithm" TEXT,
    "checksum_type" TEXT,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "completed_at" TIMESTAMPTZ(3),

    CONSTRAINT "multipart_upload_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "multipart_part" (
    "upload_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "size_bytes" BIGINT NOT NULL,
    "etag" TEXT NOT NULL,
    "checksum" JSONB,
    "blob_id" TEXT NOT NULL,
    "uploaded_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "multipart_part_pkey" PRIMARY KEY ("upload_id","number")
);

-- CreateTable
CREATE TABLE "s3_access_key" (
    "id" TEXT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "access_key_id" TEXT NOT NULL,
    "sealed_secret" TEXT NOT NULL,
    "access" "s3_access" NOT NULL,
    "bucket_id" TEXT,
    "created_by" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "s3_access_key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "content_folder" (
    "id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "content_folder_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "bucket_organization_id_name_key" ON "bucket"("organization_id", "name");

-- CreateIndex
CREATE UNIQUE INDEX "stored_object_blob_id_key" ON "stored_object"("blob_id");

-- CreateIndex
CREATE UNIQUE INDEX "stored_object_upload_id_key" ON "stored_object"("upload_id");

-- CreateIndex
CREATE INDEX "multipart_upload_bucket_id_key_id_idx" ON "multipart_upload"("bucket_id", "key", "id");

-- CreateIndex
CREATE INDEX "multipart_upload_completed_at_started_at_idx" ON "multipart_upload"("completed_at", "started_at");

-- CreateIndex
CREATE UNIQUE INDEX "multipart_part_blob_id_key" ON "multipart_part"("blob_id");

-- CreateIndex
CREATE UNIQUE INDEX "s3_access_key_access_key_id_key" ON "s3_access_key"("access_key_id");

-- CreateIndex
CREATE INDEX "s3_access_key_organization_id_created_at_idx" ON "s3_access_key"("organization_id", "created_at");

-- AddForeignKey
ALTER TABLE "stored_object" ADD CONSTRAINT "stored_object_bucket_id_fkey" FOREIGN KEY ("bucket_id") REFERENCES "bucket"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "multipart_upload" ADD CONSTRAINT "multipart_upload_bucket_id_fkey" FOREIGN KEY ("bucket_id") REFERENCES "bucket"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "multipart_part" ADD CONSTRAINT "multipart_part_upload_id_fkey" FOREIGN KEY ("upload_id") REFERENCES "multipart_upload"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "s3_access_key" ADD CONSTRAINT "s3_access_key_bucket_id_fkey" FOREIGN KEY ("bucket_id") REFERENCES "bucket"("id") ON DELETE CASCADE ON UPDATE CASCADE;
