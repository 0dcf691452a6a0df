import { execFile } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { delegateGroup } from "#server/runtime/sandbox/test-delegation.ts";

/** What `npm run doctor` prints and how it ends, with a setting of the operator's. */
function doctor(cgroupParent: string): Promise<{ code: number; said: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(import.meta.dirname, "doctor.ts")],
      { env: { ...process.env, CGROUP_PARENT: cgroupParent } },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), said: stdout + stderr }),
    );
  });
}

test("the doctor tries each wall on a real sandbox, and all that must hold holds here", async () => {
  const { code, said } = await doctor("");
  for (const wall of ["sandbox", "namespaces", "no network", "system calls", "capabilities", "account"])
    expect(said).toMatch(new RegExp(`^holds +${wall} `, "m"));
  expect(said).toContain("Every wall that must hold does.");
  expect(code).toBe(0);
});

test("the doctor fills a sandbox's memory where groups bound it, and where the operator's group is of no use it says the command and fails", async () => {
  const delegation = delegateGroup(`sluice-test-doctor-${process.pid}`);
  if (delegation.kind === "made") {
    const { code, said } = await doctor(delegation.parent);
    await delegation.remove();
    expect(said).toMatch(/^holds +control group: memory +.*ended by the kernel at 192 MB \(exit 137\)/m);
    expect(said).toMatch(/^holds +control group: cpu +one group an organization/m);
    expect(code).toBe(0);
  }
  const { code, said } = await doctor(`/sluice-test-doctor-${process.pid}`);
  expect(said).toMatch(/^missing +CGROUP_PARENT /m);
  expect(said).toMatch(/^ +\$ .*mkdir .*sluice-test-doctor|^ +\$ grep memory/m);
  expect(code).toBe(1);
});
