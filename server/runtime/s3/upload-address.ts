import { PARTS_MAX, type UploadAddress } from "#server/storage/objects/multipart.ts";
import type { ObjectCall } from "./call.ts";
import { S3Error } from "./s3-error.ts";
import { queryOf } from "./s3-request.ts";

/** Which part of which upload a request is about. */
export function uploadOf(call: ObjectCall): UploadAddress & { number: number } {
  const text = queryOf(call.request, "partNumber") ?? "";
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > PARTS_MAX)
    throw new S3Error("InvalidArgument", `Part number must be an integer between 1 and ${PARTS_MAX}, inclusive`);
  return { ...call.object, uploadId: queryOf(call.request, "uploadId") ?? "", number };
}
