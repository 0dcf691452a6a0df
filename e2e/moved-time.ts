import { writeFile } from "node:fs/promises";
import { join } from "node:path";

const HOUR_MS = 3_600_000;

/** The clock of a Sluice under test: the machine's, moved on by a file that moved-clock.mjs reads in each of its processes. */
export class MovedTime {
  readonly #file: string;
  #offsetMs = 0;

  constructor(dir: string) {
    this.#file = join(dir, "clock");
  }

  /** The environment that makes a Sluice follow this clock. */
  get env(): Record<string, string> {
    return {
      CLOCK_OFFSET_FILE: this.#file,
      NODE_OPTIONS: `--import=${join(import.meta.dirname, "moved-clock.mjs")}`,
    };
  }

  nowMs(): number {
    return Date.now() + this.#offsetMs;
  }

  nextHourMs(): number {
    return Math.floor(this.nowMs() / HOUR_MS) * HOUR_MS + HOUR_MS;
  }

  /** So long after the next month has begun (UTC). */
  nextMonthMs(minutes: number): number {
    const today = new Date(this.nowMs());
    return Date.UTC(today.getUTCFullYear(), today.getUTCMonth() + 1, 1, 0, minutes);
  }

  async moveTo(atMs: number): Promise<void> {
    this.#offsetMs = Math.round(atMs - Date.now());
    await writeFile(this.#file, String(this.#offsetMs));
  }

  /**
   * Begins at a time from which a journey can let an hour begin and stay in its month: not on the month's last day, and not in
   * the last minutes of an hour.
   */
  async startWithinMonth(): Promise<void> {
    const isLastDay = new Date(Date.now() + 24 * HOUR_MS).getUTCDate() === 1;
    const isLate = new Date().getUTCMinutes() >= 50;
    await this.moveTo(Date.now() + (isLastDay ? 48 * HOUR_MS : 0) + (isLate ? HOUR_MS / 4 : 0));
  }
}
