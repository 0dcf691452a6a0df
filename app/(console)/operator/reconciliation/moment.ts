/** "2026-11-24 10:00" in UTC, as the ledger's hours are. */
export function moment(at: Date): string {
  return at.toISOString().slice(0, 16).replace("T", " ");
}
