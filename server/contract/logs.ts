import { z } from "zod";
import { isId, type Id } from "#server/std/id.ts";
import { logLevel, type LogLevel, type RequestRecord } from "./usage.ts";

export const LOG_LEVELS = logLevel.options;

/** "404", or a class of them: "4xx". */
export const logStatus = z
  .string()
  .regex(/^[1-5](?:xx|\d\d)$/, "A status is a number such as 404, or a class such as 4xx");

/** What of a function's log is wanted. Whatever is left out does not matter. */
export const logFilter = z.object({
  /** In what was printed, or in a request's path; upper and lower case are one. */
  text: z.string().trim().max(200, "Search for 200 characters at most").optional(),
  /** This level and those above it. */
  level: logLevel.optional(),
  status: logStatus.optional(),
  version: z.number().int().min(1).max(1_000_000_000).optional(),
  requestId: z.custom<Id<"request">>((value) => typeof value === "string" && isId("request", value)).optional(),
  fromMs: z.number().int().min(0).max(8.64e15).optional(),
  toMs: z.number().int().min(0).max(8.64e15).optional(),
});
export type LogFilter = z.infer<typeof logFilter>;

export type LogRecord = {
  /** "<epoch>.<seq>": one line has one. */
  id: string;
  requestId: string | null;
  versionNumber: number;
  atMs: number;
  level: LogLevel;
  message: string;
};

/** Lines, oldest first, and requests, newest first: those that match, and the requests of the lines. */
export type LogEntries = { lines: LogRecord[]; requests: RequestRecord[] };

/** A part of a log, searched from its newest end. */
export type LogPage = LogEntries & {
  /** Where to search on for what is older; null when all was searched. */
  older: string | null;
  /** All that matches and is not older than this is here. Before a page is full, a search may end because it took long. */
  searchedToMs: number;
  /** Some requests have more lines than are here. */
  isCut: boolean;
};

export type LogTail = LogEntries & {
  /** Where to go on from. */
  after: string;
};
