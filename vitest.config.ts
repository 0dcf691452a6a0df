import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["server/**/*.test.ts", "app/**/*.test.ts"],
    exclude: ["**/*.long.test.ts", "**/node_modules/**"], // vitest.long.config.ts
    globalSetup: ["server/db/test-server.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Real Postgres and real sandboxes on a small machine: more workers would only wait for one another.
    maxWorkers: 2,
  },
});
