/** A key as it was read. */
export type Before = { key: string; value: string; metadata: string | null; expiresAtS: number | null };

/** What stands in the fields of a form. */
export type Fields = { key: string; value: string; metadata: string; expires: string };

export function fieldsOf(before: Before | null): Fields {
  if (!before) return { key: "", value: "", metadata: "", expires: "" };
  const { key, value, metadata, expiresAtS } = before;
  return { key, value: prettyValue(value), metadata: metadata ?? "", expires: localMoment(expiresAtS) };
}

/** What is to be stored of it; what was not touched stays as it was, to the byte and to the second. */
export function editOf({ key, value, metadata, expires }: Fields, before: Before | null) {
  const wasExpiringAtS = before?.expiresAtS ?? null;
  return {
    key,
    value: storedValue(value, before?.value ?? null),
    metadata: metadata.trim() === "" ? null : metadata,
    expiresAtS: expires === localMoment(wasExpiringAtS) ? wasExpiringAtS : momentOf(expires),
    isNew: before === null,
  };
}

/** A value as a page shows it: an object or an array of JSON with line breaks, everything else as it is. */
function prettyValue(value: string): string {
  if (!/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}

function storedValue(text: string, before: string | null): string {
  return before !== null && text === prettyValue(before) ? before : text;
}

/** For an input of the kind datetime-local, which knows no zone: the browser's own. */
function localMoment(atS: number | null): string {
  if (atS === null) return "";
  const at = new Date(atS * 1000);
  const pad = (part: number) => String(part).padStart(2, "0");
  const day = `${String(at.getFullYear()).padStart(4, "0")}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return `${day}T${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

/** Seconds since 1970, or null for an empty field. */
function momentOf(text: string): number | null {
  const ms = new Date(text).getTime();
  return Number.isNaN(ms) ? null : Math.floor(ms / 1000);
}
