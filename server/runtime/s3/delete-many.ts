import { deleteObjects as removeObjects } from "#server/storage/objects/delete-objects.ts";
import { keyBytes } from "#server/storage/objects/object-head.ts";
import { refusalReason } from "#server/storage/objects/refusal.ts";
import { sendXml, xmlBodyOf, type BucketCall } from "./call.ts";
import { codeOfRefusal, S3Error, type S3Code } from "./s3-error.ts";
import { childrenOf, readXml, textOf, type XmlElement } from "./xml-reader.ts";
import type { Xml } from "./xml-writer.ts";

const KEYS_MAX = 1_000;

export async function deleteManyObjects(call: BucketCall): Promise<void> {
  const root = readXml(await xmlBodyOf(call), "Delete");
  const asked = childrenOf(root, "Object").map((element) => ({
    key: textOf(element, "Key") ?? "",
    error: whyNot(element),
  }));
  if (asked.length === 0 || asked.length > KEYS_MAX)
    throw new S3Error("MalformedXML", `Name 1 to ${KEYS_MAX} objects.`);
  const keys = asked.flatMap(({ key, error }) => (error ? [] : [key]));
  await removeObjects(call.store, call.address, keys);
  const isQuiet = textOf(root, "Quiet")?.trim() === "true";
  const deleted = isQuiet ? [] : keys.map((key): Xml => ["Deleted", [["Key", key]]]);
  const errors = asked.flatMap(({ key, error }): Xml[] =>
    error
      ? [
          [
            "Error",
            [
              ["Key", key],
              ["Code", error.code],
              ["Message", error.message],
            ],
          ],
        ]
      : [],
  );
  sendXml(call, ["DeleteResult", [...deleted, ...errors]]);
}

/** Why an object can't be deleted as it was asked. A condition that nobody looks at would delete what it was to keep. */
function whyNot(element: XmlElement): S3Error | null {
  const versionId = textOf(element, "VersionId") ?? "null";
  if (versionId !== "null" && versionId !== "") return new S3Error("NoSuchVersion");
  const isConditional = ["ETag", "LastModifiedTime", "Size"].some((name) => textOf(element, name) !== undefined);
  if (isConditional) return new S3Error("NotImplemented", "Conditions of a deletion are not there (yet).");
  const code = codeOfKey(textOf(element, "Key") ?? "");
  return code && new S3Error(code);
}

function codeOfKey(key: string): S3Code | null {
  try {
    keyBytes(key);
    return null;
  } catch (error) {
    const reason = refusalReason(error);
    if (reason === undefined) throw error;
    return codeOfRefusal[reason];
  }
}
