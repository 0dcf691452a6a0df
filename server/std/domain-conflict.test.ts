import { expect, test } from "vitest";
import { domainConflict } from "./domain-conflict.ts";

test.each([
  ["console.example.com", "console.example.com", "the same"],
  ["example.com", "fn.example.com", "a child"],
  ["console.example.com", "example.com", "the parent"],
  ["console.example.com", "functions.example.com", "a sibling"],
  ["a.console.example.com", "b.functions.example.com", "a cousin, which shares a domain too"],
  ["Console.Example.com.", "EXAMPLE.COM", "the parent, written otherwise"],
  ["console.example.co.uk", "fn.example.co.uk", "a sibling below a country's registry"],
  ["console.acme.dev", "dev", "a whole top-level domain"],
])("console %s and functions %s are refused: %s", (consoleHost, functionsDomain) => {
  expect(domainConflict(consoleHost, functionsDomain)).toContain("domain of their own");
});

test.each([
  ["console.example.com", "example-functions.com", "only the top-level domain is shared"],
  ["console.example.com", "functions.example.net", "nothing is shared"],
  ["console.example.co.uk", "example-functions.co.uk", "only the registry is shared"],
  ["localhost", "localhost", "a machine of one's own"],
  ["console.example.com", "localhost", "functions are reached on the machine only"],
  ["192.0.2.7", "functions.example.com", "an address sets cookies for nobody else"],
])("console %s and functions %s may stand beside each other: %s", (consoleHost, functionsDomain) => {
  expect(domainConflict(consoleHost, functionsDomain)).toBeUndefined();
});
