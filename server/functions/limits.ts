import { z } from "zod";
import { limitInWords, limitWords } from "#server/contract/limit-words.ts";
import {
  defaultLimits,
  functionLimits,
  limitCeilings,
  limitFloors,
  limitName,
  type FunctionLimits,
  type LimitSettings,
  type PlanName,
} from "#server/contract/limits.ts";
import { Fault } from "#server/std/fault.ts";

/** Versions are older than some limits, and may be younger than others: what is unknown is left out. */
const storedLimits = z.record(z.string(), z.unknown()).nullable();

/**
 * What holds on a plan: what was wished, the plan's default for the rest, and nothing above the plan's ceiling. `wished`
 * is what a function or a version holds in the database. The plan is asked anew at each reading, so that leaving it
 * takes effect on what serves already.
 */
export function limitsOn(plan: PlanName, wished: unknown): FunctionLimits {
  const limits = functionLimits.parse({ ...defaultLimits[plan], ...storedLimits.parse(wished) });
  for (const name of limitName.options) limits[name] = Math.min(limits[name], limitCeilings[plan][name]);
  return limits;
}

/** A fault, at the limit's field, for a wish that the plan does not allow or that no function could work with. */
export function checkSettings(plan: PlanName, wished: LimitSettings): void {
  for (const name of limitName.options) {
    const value = wished[name];
    if (value === undefined) continue;
    const { title } = limitWords[name];
    const [floor, ceiling] = [limitFloors[name], limitCeilings[plan][name]];
    if (value < floor) {
      throw new Fault("invalid", `${title}: ${limitInWords(name, floor)} is the least. Choose more.`, { field: name });
    }
    if (value > ceiling) {
      const most = limitInWords(name, ceiling);
      throw new Fault(
        "invalid",
        `${title}: ${most} is the most on the ${planTitle(plan)} plan. Choose less${remedy(name, plan)}.`,
        {
          field: name,
        },
      );
    }
  }
}

function planTitle(plan: PlanName): string {
  return plan.charAt(0).toUpperCase() + plan.slice(1);
}

/** Another plan is only worth naming when it allows more. */
function remedy(name: keyof FunctionLimits, plan: PlanName): string {
  return limitCeilings.pro[name] > limitCeilings[plan][name] ? ", or go to the Pro plan" : "";
}
