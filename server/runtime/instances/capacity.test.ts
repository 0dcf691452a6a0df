import { expect, test } from "vitest";
import { Capacity, type Place } from "./capacity.ts";

function capacity(bounds: Partial<{ instancesMax: number; instancesPerOrganizationMax: number; startingMax: number }>) {
  const granted: { organizationId: string; place: Place }[] = [];
  const asked: { rooms: number } = { rooms: 0 };
  const one = new Capacity({
    instancesMax: 10,
    instancesPerOrganizationMax: 10,
    startingMax: 10,
    ...bounds,
    makeRoom: () => {
      asked.rooms += 1;
      return false;
    },
  });
  const ask = (organizationId: string) => one.ask(organizationId, (place) => granted.push({ organizationId, place }));
  const who = () => granted.map((grant) => grant.organizationId).join("");
  return { one, granted, asked, ask, who };
}

test("an organization that asks for many does not keep out another that asks for one", () => {
  const { granted, ask, who } = capacity({ startingMax: 2 });
  for (let wish = 0; wish < 6; wish += 1) ask("a");
  ask("b");
  expect(who()).toBe("aa");
  granted[0]?.place.listens();
  expect(who()).toBe("aab");
  granted[1]?.place.listens();
  expect(who()).toBe("aaba");
});

test("a full node asks for room, and grants when a place is given back, to whom has the fewest", () => {
  const { granted, asked, ask, who, one } = capacity({ instancesMax: 3 });
  for (let wish = 0; wish < 4; wish += 1) ask("a");
  ask("b");
  expect([who(), asked.rooms > 0, one.total]).toEqual(["aaa", true, 3]);
  granted[0]?.place.release();
  granted[0]?.place.release(); // twice is once
  expect([who(), one.total]).toEqual(["aaab", 3]);
});

test("no organization takes all places", () => {
  const { ask, who } = capacity({ instancesMax: 4, instancesPerOrganizationMax: 3 });
  for (let wish = 0; wish < 6; wish += 1) ask("a");
  ask("b");
  expect(who()).toBe("aaab");
});

test("a wish that was taken back is not granted", () => {
  const { granted, ask, who } = capacity({ startingMax: 1 });
  ask("a");
  const takeBack = ask("b");
  takeBack();
  ask("c");
  granted[0]?.place.listens();
  expect(who()).toBe("ac");
});
