/** As Workers KV has them, so that a Worker written for it finds the limits that it knows. */
export const KEY_BYTES_MAX = 512;
export const VALUE_BYTES_MAX = 26_214_400;
export const METADATA_BYTES_MAX = 1_024;
export const EXPIRATION_SECONDS_MIN = 60;
export const CACHE_TTL_SECONDS_MIN = 30;
export const LIST_MAX = 1_000;
export const BULK_KEYS_MAX = 100;
export const BULK_BYTES_MAX = 25 * 1024 * 1024;
export const NAMESPACES_MAX = 100;

const GB = 1024 * 1024 * 1024;
/** Of all namespaces of an organization: a wall for the database until stored bytes are metered and bounded by the budget. */
export const STORED_BYTES_MAX = { free: GB, pro: 10 * GB } as const;
