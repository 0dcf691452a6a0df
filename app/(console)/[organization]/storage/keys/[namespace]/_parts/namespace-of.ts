/** Which namespace a part of the page is about. */
export type NamespaceOf = { organization: string; namespaceId: string };

/** A key as a page shows it: one with control characters in it as JSON writes it, so that none is hidden. */
export function shownKey(key: string): string {
  return /\p{Cc}/u.test(key) ? JSON.stringify(key) : key;
}
