import { pino, type Logger } from "pino";

export type Log = Logger;

/** A process's logger: one JSON line a unit of work, on stderr (stdout belongs to the ready line). */
export function createLog(processName: string, level: string): Log {
  return pino({ name: processName, level, base: { process: processName } }, pino.destination({ dest: 2, sync: false }));
}
