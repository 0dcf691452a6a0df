/** The page of a bucket, at a prefix and after a name. */
export function bucketHref(
  { organization, bucket }: { organization: string; bucket: string },
  { prefix = "", after = "" }: { prefix?: string; after?: string } = {},
): string {
  const query = new URLSearchParams({ ...(prefix ? { prefix } : {}), ...(after ? { after } : {}) }).toString();
  return `/${organization}/storage/buckets/${encodeURIComponent(bucket)}${query ? `?${query}` : ""}`;
}

/** Where an object is downloaded from, and uploaded to. */
export function objectHref({
  organization,
  bucket,
  key,
}: {
  organization: string;
  bucket: string;
  key: string;
}): string {
  return `/api/objects/${organization}/${encodeURIComponent(bucket)}?${new URLSearchParams({ key }).toString()}`;
}

export type PrefixStep = { label: string; prefix: string };

/** "a/b/" as the folders that lead there. */
export function stepsOf(prefix: string): PrefixStep[] {
  const parts = prefix.split("/");
  return parts
    .slice(0, -1)
    .map((label, at) => ({ label: label || "/", prefix: `${parts.slice(0, at + 1).join("/")}/` }));
}
