import { Prisma } from "#server/db/generated/client.ts";
import { textOfKey, type BucketAddress } from "./object-head.ts";
import type { ObjectStore } from "./object-store.ts";

export const LIST_MAX = 1_000;
/** After a batch that fell into one common prefix as a whole: the next is probably skipped over too. */
const PROBE_ROWS = 8;

export type ListedObject = { key: string; sizeBytes: number; etag: string; uploadedAt: Date };

export type ObjectPage = {
  objects: ListedObject[];
  commonPrefixes: string[];
  /** Where the next page begins: after this name, be it an object's or a common prefix. Null on the last page. */
  next: string | null;
};

export type ListQuery = {
  prefix: string;
  delimiter: string;
  /** Names up to and with this one are left out; one that is a common prefix leaves out all below it. */
  after: string;
  /** Objects and common prefixes together; 1 to 1,000. */
  max: number;
};

/**
 * A page of a bucket's objects in the order of their names' bytes. What lies below a common prefix is skipped, not read: a page
 * costs as many rows as it shows, whatever the bucket holds.
 */
export async function listObjects(
  store: Pick<ObjectStore, "db">,
  of: BucketAddress,
  query: ListQuery,
): Promise<ObjectPage> {
  const page: ObjectPage = { objects: [], commonPrefixes: [], next: null };
  const prefix = Buffer.from(query.prefix, "utf8");
  const end = prefix.length > 0 ? successor(prefix) : null;
  let from = firstPosition(query, prefix);
  let last = "";
  let rows = query.max + 1;
  for (;;) {
    const found = await readKeys(store, of, { from, end, limit: rows });
    let skipped = 0;
    for (const object of found) {
      const key = textOfKey(object.key);
      const common = commonPrefixOf(key, query);
      if (common !== null && common === page.commonPrefixes.at(-1)) {
        skipped += 1;
        continue;
      }
      if (page.objects.length + page.commonPrefixes.length === query.max) return { ...page, next: last };
      last = common ?? key;
      if (common === null) page.objects.push({ ...object, key, sizeBytes: Number(object.sizeBytes) });
      else page.commonPrefixes.push(common);
    }
    const lastKey = found.at(-1)?.key;
    if (found.length < rows || !lastKey) return page;
    const common = commonPrefixOf(textOfKey(lastKey), query);
    from = common === null ? after(Buffer.from(lastKey)) : successor(Buffer.from(common, "utf8"));
    rows = skipped + 1 >= found.length ? PROBE_ROWS : query.max + 1;
  }
}

/** Up to and with the delimiter, where there is one after the prefix. */
function commonPrefixOf(key: string, { prefix, delimiter }: ListQuery): string | null {
  if (delimiter === "") return null;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? null : key.slice(0, at + delimiter.length);
}

function firstPosition(query: ListQuery, prefix: Buffer): Buffer {
  if (query.after === "") return prefix;
  const common = query.after.startsWith(query.prefix) ? commonPrefixOf(query.after, query) : null;
  const position =
    common === query.after ? successor(Buffer.from(common, "utf8")) : after(Buffer.from(query.after, "utf8"));
  return Buffer.compare(position, prefix) > 0 ? position : prefix;
}

/** The first text after this one. */
function after(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(1)]);
}

/** The first text after all that begin with this one: no byte of UTF-8 is 0xff, so the last can be one more. */
function successor(bytes: Buffer): Buffer {
  const next = Buffer.from(bytes);
  next[next.length - 1] = (next.at(-1) ?? 0) + 1;
  return next;
}

type KeyRow = { key: Uint8Array; sizeBytes: bigint; etag: string; uploadedAt: Date };

async function readKeys(
  { db }: Pick<ObjectStore, "db">,
  { organizationId, bucketId }: BucketAddress,
  { from, end, limit }: { from: Buffer; end: Buffer | null; limit: number },
): Promise<KeyRow[]> {
  const below = end ? Prisma.sql`AND key < ${end}` : Prisma.empty;
  return db.$queryRaw<KeyRow[]>`
    SELECT key, size_bytes AS "sizeBytes", etag, uploaded_at AS "uploadedAt" FROM stored_object
    WHERE bucket_id = ${bucketId} AND organization_id = ${organizationId} AND key >= ${from} ${below}
    ORDER BY key LIMIT ${limit}`;
}
