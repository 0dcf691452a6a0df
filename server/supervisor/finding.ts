/** What was found of one wall on this machine. */
export type Finding = {
  wall: string;
  /** "missing": it must stand everywhere, or the operator asked for it. "absent": this machine lacks it, and something else holds. */
  state: "holds" | "missing" | "absent";
  detail: string;
  /** What would make it stand, to be run as it is. */
  commands?: readonly string[];
};

export function must(wall: string, holds: boolean, detail: string): Finding {
  return { wall, state: holds ? "holds" : "missing", detail };
}
