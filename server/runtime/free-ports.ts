import { once } from "node:events";
import { createServer } from "node:net";
import type { RuntimeEnv } from "#server/env.ts";
import { errnoOf, Fault } from "#server/std/fault.ts";

/** The ports are opened so that a successor can share them; so a stranger on them has to be noticed before. */
export async function checkPortsAreFree(env: RuntimeEnv): Promise<void> {
  const ports = [
    ["GATEWAY_PORT", env.GATEWAY_PORT, env.BIND_ADDRESS],
    ["INTERNAL_PORT", env.INTERNAL_PORT, "127.0.0.1"],
    ["S3_PORT", env.S3_PORT, env.BIND_ADDRESS],
  ] as const;
  for (const [variable, port, address] of ports) {
    if (port === 0) continue;
    const probe = createServer();
    probe.listen(port, address);
    try {
      await once(probe, "listening");
    } catch (error) {
      if (errnoOf(error) !== "EADDRINUSE") throw error;
      throw new Fault("conflict", `Port ${port} is in use. Stop what uses it, or set ${variable} to another port.`, {
        cause: error,
      });
    }
    await new Promise((resolve) => probe.close(resolve));
  }
}
