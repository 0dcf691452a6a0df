import { defineConfig } from "vitest/config";

/** `npm run test:long`: what takes its time or the whole machine, one file after the other. All of it stays under five minutes. */
export default defineConfig({
  test: {
    include: ["server/**/*.long.test.ts"],
    globalSetup: ["server/db/test-server.ts"],
    testTimeout: 180_000,
    hookTimeout: 60_000,
    // These measure shares of the machine, or fill it.
    maxWorkers: 1,
    fileParallelism: false,
  },
});
