import { once } from "node:events";
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { newId, type Id } from "#server/std/id.ts";
import { createLog } from "#server/std/log.ts";
import { Seal } from "#server/std/seal.ts";
import { findAccessKey, makeAccessKey } from "#server/storage/objects/access-keys.ts";
import { testStore, type TestStore } from "#server/storage/objects/test-store.ts";
import { createDoor } from "./door.ts";

export type TestKey = { accessKeyId: string; secretAccessKey: string };
export type TestOrganization = { organizationId: Id<"organization">; key: TestKey };

export type TestDoor = AsyncDisposable & {
  at: TestStore;
  port: number;
  url: string;
  organization(): Promise<TestOrganization>;
  makeKey(
    organizationId: Id<"organization">,
    more?: { access?: "read" | "write"; bucketId?: Id<"bucket"> },
  ): Promise<TestKey & { id: Id<"accessKey"> }>;
  /** Amazon's own client, with its own defaults. */
  client(key: TestKey, config?: S3ClientConfig): S3Client;
};

/** The real door on a port of its own, in this process, with an engine of its own. */
export async function testDoor(options: { reserveBytes?: number } = {}): Promise<TestDoor> {
  const at = await testStore(options);
  const { db } = at.store;
  const seal = new Seal("a key of tests, which is long enough to pass");
  const server = createDoor({
    store: at.store,
    findKey: (accessKeyId) => findAccessKey({ db, seal }, accessKeyId),
    domain: "localhost",
    log: createLog("test", "warn"),
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  const { port } = address;
  const clients: S3Client[] = [];
  const makeKey: TestDoor["makeKey"] = async (organizationId, { access = "write", bucketId } = {}) => {
    const userId = newId("user");
    const made = await makeAccessKey(
      { db, seal },
      { organizationId, userId, name: "test", access, bucketId: bucketId ?? null },
    );
    return { id: made.id, accessKeyId: made.accessKeyId, secretAccessKey: made.secret };
  };
  return {
    at,
    port,
    url: `http://127.0.0.1:${port}`,
    makeKey,
    async organization() {
      const organizationId = newId("organization");
      return { organizationId, key: await makeKey(organizationId) };
    },
    client(credentials, config = {}) {
      const client = new S3Client({
        endpoint: `http://127.0.0.1:${port}`,
        forcePathStyle: true,
        region: "us-east-1",
        credentials,
        maxAttempts: 1,
        ...config,
      });
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await at[Symbol.asyncDispose]();
    },
  };
}
