-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "role" AS ENUM ('owner', 'admin', 'developer', 'billing', 'viewer');

-- CreateEnum
CREATE TYPE "plan_name" AS ENUM ('free', 'pro');

-- CreateEnum
CREATE TYPE "usage_kind" AS ENUM ('request', 'after', 'background', 'unbilled');

-- CreateTable
CREATE TABLE "user" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "image" TEXT,
    "password_hash" TEXT,
    "is_operator" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "user_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "identity" (
    "provider" TEXT NOT NULL,
    "provider_account_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "identity_pkey" PRIMARY KEY ("provider","provider_account_id")
);

-- CreateTable
CREATE TABLE "organization" (
    "id" TEXT NOT NULL,
    "slug" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "plan" "plan_name" NOT NULL DEFAULT 'free',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "organization_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "member" (
    "organization_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "role" "role" NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "member_pkey" PRIMARY KEY ("organization_id","user_id")
);

-- CreateTable
CREATE TABLE "sign_in_attempt" (
    "key" TEXT NOT NULL,
    "window_at" TIMESTAMPTZ(3) NOT NULL,
    "failures" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "sign_in_attempt_pkey" PRIMARY KEY ("key","window_at")
);

-- CreateTable
CREATE TABLE "audit_entry" (
    "id" TEXT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "user_id" TEXT,
    "action" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "detail" JSONB NOT NULL DEFAULT '{}',
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "audit_entry_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "function" (
    "id" TEXT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "active_deployment_id" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "function_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "version" (
    "id" TEXT NOT NULL,
    "function_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "content_hash" TEXT NOT NULL,
    "source" JSONB NOT NULL,
    "bundle" BYTEA NOT NULL,
    "source_map" TEXT NOT NULL,
    "compatibility_date" VARCHAR(10) NOT NULL,
    "limits" JSONB NOT NULL,
    "created_by" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "version_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "deployment" (
    "id" TEXT NOT NULL,
    "function_id" TEXT NOT NULL,
    "shares" JSONB NOT NULL,
    "message" TEXT NOT NULL DEFAULT '',
    "created_by" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "deployment_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "runtime_epoch" (
    "epoch" BIGSERIAL NOT NULL,
    "node" TEXT NOT NULL,
    "region" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "shipped_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "drained_at" TIMESTAMPTZ(3),

    CONSTRAINT "runtime_epoch_pkey" PRIMARY KEY ("epoch")
);

-- CreateTable
CREATE TABLE "usage_event" (
    "epoch" BIGINT NOT NULL,
    "seq" BIGINT NOT NULL,
    "kind" "usage_kind" NOT NULL,
    "organization_id" TEXT NOT NULL,
    "function_id" TEXT NOT NULL,
    "version_id" TEXT NOT NULL,
    "request_id" TEXT,
    "occurred_at" TIMESTAMPTZ(3) NOT NULL,
    "method" TEXT,
    "path" TEXT,
    "status" INTEGER,
    "outcome" TEXT NOT NULL,
    "wall_us" BIGINT NOT NULL,
    "cpu_ns" BIGINT NOT NULL,
    "ingress_bytes" BIGINT NOT NULL,
    "egress_bytes" BIGINT NOT NULL,
    "cold_start" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "usage_event_pkey" PRIMARY KEY ("epoch","seq")
);

-- CreateTable
CREATE TABLE "usage_hour" (
    "organization_id" TEXT NOT NULL,
    "function_id" TEXT NOT NULL,
    "hour_at" TIMESTAMPTZ(0) NOT NULL,
    "requests" BIGINT NOT NULL DEFAULT 0,
    "cpu_ns" BIGINT NOT NULL DEFAULT 0,
    "egress_bytes" BIGINT NOT NULL DEFAULT 0,
    "failures" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "usage_hour_pkey" PRIMARY KEY ("organization_id","hour_at","function_id")
);

-- CreateTable
CREATE TABLE "allowance" (
    "organization_id" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "reason" TEXT NOT NULL DEFAULT '',
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "allowance_pkey" PRIMARY KEY ("organization_id")
);

-- CreateTable
CREATE TABLE "log_line" (
    "epoch" BIGINT NOT NULL,
    "seq" BIGINT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "function_id" TEXT NOT NULL,
    "version_id" TEXT NOT NULL,
    "request_id" TEXT,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "level" TEXT NOT NULL,
    "message" TEXT NOT NULL,

    CONSTRAINT "log_line_pkey" PRIMARY KEY ("epoch","seq")
);

-- CreateIndex
CREATE UNIQUE INDEX "user_email_key" ON "user"("email");

-- CreateIndex
CREATE INDEX "identity_user_id_idx" ON "identity"("user_id");

-- CreateIndex
CREATE UNIQUE INDEX "organization_slug_key" ON "organization"("slug");

-- CreateIndex
CREATE INDEX "member_user_id_idx" ON "member"("user_id");

-- CreateIndex
CREATE INDEX "sign_in_attempt_window_at_idx" ON "sign_in_attempt"("window_at");

-- CreateIndex
CREATE INDEX "audit_entry_organization_id_at_idx" ON "audit_entry"("organization_id", "at" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "function_active_deployment_id_key" ON "function"("active_deployment_id");

-- CreateIndex
CREATE UNIQUE INDEX "function_organization_id_name_key" ON "function"("organization_id", "name");

-- CreateIndex
CREATE UNIQUE INDEX "version_function_id_number_key" ON "version"("function_id", "number");

-- CreateIndex
CREATE UNIQUE INDEX "version_function_id_content_hash_key" ON "version"("function_id", "content_hash");

-- CreateIndex
CREATE INDEX "deployment_function_id_created_at_idx" ON "deployment"("function_id", "created_at" DESC);

-- CreateIndex
CREATE INDEX "usage_event_request_id_idx" ON "usage_event"("request_id");

-- CreateIndex
CREATE INDEX "usage_event_organization_id_function_id_occurred_at_idx" ON "usage_event"("organization_id", "function_id", "occurred_at" DESC);

-- CreateIndex
CREATE INDEX "log_line_organization_id_function_id_at_idx" ON "log_line"("organization_id", "function_id", "at" DESC);

-- CreateIndex
CREATE INDEX "log_line_request_id_idx" ON "log_line"("request_id");

-- AddForeignKey
ALTER TABLE "identity" ADD CONSTRAINT "identity_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "member" ADD CONSTRAINT "member_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "member" ADD CONSTRAINT "member_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "function" ADD CONSTRAINT "function_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "function" ADD CONSTRAINT "function_active_deployment_id_fkey" FOREIGN KEY ("active_deployment_id") REFERENCES "deployment"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "version" ADD CONSTRAINT "version_function_id_fkey" FOREIGN KEY ("function_id") REFERENCES "function"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "deployment" ADD CONSTRAINT "deployment_function_id_fkey" FOREIGN KEY ("function_id") REFERENCES "function"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "allowance" ADD CONSTRAINT "allowance_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
