import type { Readable } from "node:stream";
import type { Permission } from "#server/accounts/roles.ts";
import type { IncomingBytes } from "#server/storage/objects/body-check.ts";
import { bucketNamed } from "#server/storage/objects/buckets.ts";
import { keyBytes, type ObjectAddress } from "#server/storage/objects/object-head.ts";
import { putObject } from "#server/storage/objects/put-object.ts";
import { openObject } from "#server/storage/objects/read-object.ts";
import { Fault } from "#server/std/fault.ts";
import { allowedMember } from "./allowed-member.ts";
import type { Context } from "./context.ts";
import { refusedDownload } from "./downloads.ts";

/** More goes by an S3 client, in parts that can be sent again one by one. */
const UPLOAD_BYTES_MAX = 1024 ** 3;
const headerText = /^[\x20-\x7e]{1,200}$/;

type FileRequest = { organizationSlug: string; bucket: string; key: string };

/** An object's bytes for somebody who may read it, to be kept as a file: a browser never shows it as a page of the console's own. */
export async function downloadObject(ctx: Context, of: FileRequest): Promise<Response> {
  try {
    const address = await addressOf(ctx, of, "storage:read");
    const { head, content } = await openObject(await ctx.objects(), address);
    return new Response(webStream(content), {
      headers: {
        "content-type": "application/octet-stream",
        "content-length": String(head.sizeBytes),
        "content-disposition": `attachment; filename*=UTF-8''${encodeFileName(of.key)}`,
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
        "cache-control": "private, no-store",
      },
    });
  } catch (thrown) {
    return refusedDownload(thrown);
  }
}

/** Stores a request's body as an object. It has to say how long it is, 1 GiB at most, and is never in memory as a whole. */
export async function uploadObject(ctx: Context, of: FileRequest, req: Request): Promise<Response> {
  try {
    const address = await addressOf(ctx, of, "storage:write");
    const contentType = req.headers.get("content-type") ?? "";
    const headers = headerText.test(contentType) ? { contentType } : {};
    const body = incomingOf(req);
    const { etag } = await putObject(await ctx.objects(), { ...address, headers, userMetadata: {} }, body);
    return Response.json({ etag }, { status: 201 });
  } catch (thrown) {
    await req.body?.cancel().catch(() => undefined);
    return refusedDownload(thrown);
  }
}

async function addressOf(ctx: Context, of: FileRequest, permission: Permission): Promise<ObjectAddress> {
  const { organizationSlug, bucket: name, key } = of;
  const { organization } = await allowedMember(ctx.db, { userId: ctx.userId, organizationSlug, permission });
  const { id: bucketId } = await bucketNamed(ctx.db, { organizationId: organization.id, name });
  keyBytes(key);
  return { organizationId: organization.id, bucketId, key };
}

function incomingOf(req: Request): IncomingBytes {
  const text = req.headers.get("content-length") ?? "";
  if (!/^\d{1,15}$/.test(text)) throw new Fault("invalid", "Say how long the file is: send content-length.");
  const sizeBytes = Number(text);
  if (sizeBytes > UPLOAD_BYTES_MAX)
    throw new Fault("too_large", "From here a file has 1 GB at most. Use an S3 client for larger ones.");
  return {
    chunks: chunksOf(req.body),
    algorithm: null,
    isSha256Signed: false,
    sizeBytesMax: UPLOAD_BYTES_MAX,
    promised: () => ({ sizeBytes }),
  };
}

async function* chunksOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  if (!body) return;
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}

/** The last part of the name, and only what RFC 8187 lets stand as it is. */
function encodeFileName(key: string): string {
  const name = key.split("/").findLast((part) => part !== "") ?? "file";
  return encodeURIComponent(name).replace(/['()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}

function webStream(content: Readable): ReadableStream<Uint8Array> {
  const chunks: AsyncIterator<unknown> = content[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else if (value instanceof Uint8Array) controller.enqueue(value);
      else throw new Error("an object is bytes");
    },
    cancel() {
      content.destroy();
    },
  });
}
