import type { Db } from "#server/db/client.ts";

/** How far a look of billing has come; null before its first. */
export async function readMark(db: Db, name: string): Promise<Date | null> {
  const mark = await db.billingMark.findUnique({ where: { name }, select: { at: true } });
  return mark?.at ?? null;
}

export async function setMark(db: Db, name: string, at: Date): Promise<void> {
  await db.billingMark.upsert({ where: { name }, create: { name, at }, update: { at }, select: { name: true } });
}
