import type { Server } from "node:http";
import type { ConsoleEnv } from "#server/env.ts";
import { errnoOf, Fault } from "#server/std/fault.ts";

/** Takes the port before Next prepares, so that a port in use is said at once. */
export function takePort(server: Server, env: ConsoleEnv): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const message =
        errnoOf(cause) === "EADDRINUSE"
          ? `Port ${env.PORT} is in use. End the program that has it, or choose another with PORT=3001.`
          : `The console can't listen on ${env.BIND_ADDRESS}:${env.PORT}: ${cause.message}`;
      reject(new Fault("conflict", message, { cause }));
    });
    server.listen(env.PORT, env.BIND_ADDRESS, resolve);
  });
}
