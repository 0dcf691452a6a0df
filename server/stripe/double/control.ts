import type { ServerResponse } from "node:http";
import { z } from "zod";
import type { StripeDouble } from "./double.ts";
import { usedOf } from "./meters.ts";

/** What tests that run in other processes ask the double to do: POST /_double/NAME with JSON. */
const commands = {
  /** Moves the clock: by so many milliseconds, or to a moment. */
  advance: z.union([z.strictObject({ byMs: z.number() }), z.strictObject({ toMs: z.number() })]),
  fault: z.strictObject({
    kind: z.enum([
      "drop-before",
      "drop-after",
      "hang-before",
      "hang-after",
      "truncate",
      "500-before",
      "500-after",
      "429",
      "409",
      "401",
      "403",
      "swallow",
    ]),
    match: z.string().default(""),
    times: z.number().optional(),
  }),
  down: z.strictObject({ isDown: z.boolean() }),
  clear: z.strictObject({}),
  /** Sends out the events that wait. */
  deliver: z.strictObject({ copies: z.number().default(1), reversed: z.boolean().default(false) }),
  /** What a test wants to know: time, violations, mistakes, and everything that the account holds. */
  state: z.strictObject({}),
  usage: z.strictObject({ meter: z.string(), customer: z.string(), from: z.number(), to: z.number() }),
} as const;

type CommandName = keyof typeof commands;

export async function answerControl(
  double: StripeDouble,
  request: { path: string; body: string },
  res: ServerResponse,
): Promise<void> {
  const name = request.path.slice("/_double/".length);
  try {
    if (!isCommand(name)) throw new Error(`no such command: ${name}`);
    const answer = await run(double, name, JSON.parse(request.body === "" ? "{}" : request.body));
    res.writeHead(200, { "content-type": "application/json" });
    res.end(JSON.stringify(answer, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)));
  } catch (error) {
    res.writeHead(400).end(`${String(error)}\n`);
  }
}

function isCommand(name: string): name is CommandName {
  return Object.hasOwn(commands, name);
}

async function run(double: StripeDouble, name: CommandName, body: unknown): Promise<unknown> {
  switch (name) {
    case "advance": {
      const by = commands.advance.parse(body);
      await double.advanceTo("toMs" in by ? by.toMs : double.world.nowMs + by.byMs);
      return { nowMs: double.world.nowMs };
    }
    case "fault":
      double.faults.add(commands.fault.parse(body));
      return {};
    case "down":
      double.faults.isDown = commands.down.parse(body).isDown;
      return {};
    case "clear":
      double.faults.clear();
      return {};
    case "deliver": {
      const { copies, reversed } = commands.deliver.parse(body);
      const taken = await double.deliveries.deliver({
        copies,
        order: (events) => (reversed ? events.toReversed() : [...events]),
      });
      return { taken, waiting: double.deliveries.waiting().length };
    }
    case "usage":
      return { value: usedOf(double.world, commands.usage.parse(body)) };
    case "state":
      return stateOf(double);
  }
}

function stateOf({ world, violations, mistakes }: StripeDouble) {
  return {
    nowMs: world.nowMs,
    violations,
    mistakes,
    customers: [...world.customers.values()],
    subscriptions: [...world.subscriptions.values()],
    invoices: [...world.invoices.values()],
    meters: [...world.meters.values()],
    meterEvents: world.meterEvents,
    events: [...world.events.values()].map(({ id, type, wasDelivered }) => ({ id, type, wasDelivered })),
  };
}
