import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { z } from "zod";

const attribute = z.object({
  key: z.string(),
  value: z.union([
    z.object({ stringValue: z.string() }).transform((value) => value.stringValue),
    z.object({ intValue: z.coerce.number() }).transform((value) => value.intValue),
    z.object({ doubleValue: z.number() }).transform((value) => value.doubleValue),
    z.object({ boolValue: z.boolean() }).transform((value) => value.boolValue),
  ]),
});
const attributes = z
  .array(attribute)
  .transform((all) => Object.fromEntries(all.map(({ key, value }) => [key, value] as const)));

const span = z.object({
  traceId: z.string().regex(/^[0-9a-f]{32}$/),
  spanId: z.string().regex(/^[0-9a-f]{16}$/),
  parentSpanId: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .optional(),
  name: z.string(),
  kind: z.number(),
  startTimeUnixNano: z.coerce.bigint(),
  endTimeUnixNano: z.coerce.bigint(),
  attributes,
  status: z.object({ code: z.number().default(0) }).prefault({}),
});
export type ReceivedSpan = z.infer<typeof span>;

/** What OTLP 1.x says of a trace export in JSON, as far as we rely on it. */
const request = z.object({
  resourceSpans: z.array(
    z.object({ resource: z.object({ attributes }), scopeSpans: z.array(z.object({ spans: z.array(span) })) }),
  ),
});

export type TestCollector = AsyncDisposable & {
  url: string;
  spans: ReceivedSpan[];
  resources: ReceivedSpan["attributes"][];
  headers: IncomingHttpHeaders[];
  paths: (string | undefined)[];
  /** What it answers: a status, or nothing at all. */
  behaviour: number | "silent";
};

/** A collector on loopback that takes OTLP/HTTP in JSON, and can refuse or hang. */
export async function testCollector(): Promise<TestCollector> {
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
    collector.headers.push(req.headers);
    collector.paths.push(req.url);
    if (collector.behaviour === "silent") return;
    if (collector.behaviour === 200) {
      for (const one of request.parse(JSON.parse(Buffer.concat(chunks).toString("utf8"))).resourceSpans) {
        collector.resources.push(one.resource.attributes);
        collector.spans.push(...one.scopeSpans.flatMap((scope) => scope.spans));
      }
    }
    res.writeHead(collector.behaviour, { "content-type": "application/json" }).end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const collector: TestCollector = {
    url: `http://127.0.0.1:${port}`,
    spans: [],
    resources: [],
    headers: [],
    paths: [],
    behaviour: 200,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return collector;
}
