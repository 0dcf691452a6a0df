import { SANDBOX_UID } from "#server/runtime/sandbox/open-host.ts";
import type { ProcessWalls } from "#server/runtime/sandbox/process-walls.ts";
import { must, type Finding } from "./finding.ts";

const NO_CAPABILITIES = "0000000000000000";
const NAMESPACES = 7;
const OPEN_FILES_MAX = 2_048;
const THREADS_MAX = 32;

/** What the kernel says of a sandbox's process. */
export function processFindings({ status, ownNamespaces, limits, interfaces }: ProcessWalls): Finding[] {
  const uid = Number(status.get("Uid")?.split("\t")[0]);
  const wantedUid = process.getuid?.() === 0 ? SANDBOX_UID : process.getuid?.();
  const capabilities = ["CapPrm", "CapEff", "CapBnd"].map((set) => status.get(set));
  return [
    must("namespaces", ownNamespaces.length === NAMESPACES, `its own: ${ownNamespaces.join(" ")}`),
    must(
      "no network",
      interfaces.every((name) => name === "lo"),
      `interfaces: ${interfaces.join(" ")}`,
    ),
    must(
      "system calls",
      status.get("Seccomp") === "2",
      `Seccomp ${status.get("Seccomp")}, 2 is a list of allowed calls`,
    ),
    must("no new privileges", status.get("NoNewPrivs") === "1", `NoNewPrivs ${status.get("NoNewPrivs")}`),
    must(
      "capabilities",
      capabilities.every((set) => set === NO_CAPABILITIES),
      `CapPrm CapEff CapBnd ${capabilities.join(" ")}`,
    ),
    must("account", uid === wantedUid && uid !== 0, `uid ${uid} on the host`),
    must(
      "file size, core",
      limits.get("Max file size") === "0" && limits.get("Max core file size") === "0",
      "no file grows, no core is written",
    ),
    must(
      "open files",
      Number(limits.get("Max open files")) <= OPEN_FILES_MAX,
      `${limits.get("Max open files")} at most`,
    ),
    threads(limits.get("Max processes")),
  ];
}

function threads(soft: string | undefined): Finding {
  if (Number(soft) <= THREADS_MAX)
    return { wall: "threads", state: "holds", detail: `${soft} at most, by the kernel's limit` };
  return {
    wall: "threads",
    state: "absent",
    detail:
      "no limit of its own: the list of system calls refuses processes, and the control group counts threads where there is one",
  };
}
