import { delimiter, resolve } from "node:path";
import { z } from "zod";
import { domainConflict } from "#server/std/domain-conflict.ts";

/** The one reader of process.env. Each process reads its part, once, when it starts; nothing is read at import. */
const port = z.coerce.number().int().min(0).max(65_535);
const optionalText = z
  .string()
  .trim()
  .transform((text) => (text === "" ? undefined : text))
  .optional();

const flag = z
  .enum(["0", "1", ""])
  .default("0")
  .transform((text) => text === "1");

const shared = {
  NODE_ENV: z.enum(["development", "production", "test"]).default("production"),
  PORT: port.default(3000),
  GATEWAY_PORT: port.default(8787),
  INTERNAL_PORT: port.default(8788),
  /** The door of objects for S3 clients; 0: none, and then nobody sweeps what crashes leave in the content folder either. */
  S3_PORT: port.default(9000),
  /** Below it each bucket has a host name of its own: photos.s3.example.com. Path style needs none. */
  S3_DOMAIN: z.string().toLowerCase().default("localhost"),
  BIND_ADDRESS: z.string().default("127.0.0.1"),
  DATA_DIR: z
    .string()
    .default(".data")
    .transform((path) => resolve(path)),
  FUNCTIONS_DOMAIN: z.string().toLowerCase().default("localhost"),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info"),
  REGION: z.string().default("local"),
  /** "1" under the supervisor: standard input is a pipe from it, and the process ends when that does. */
  SLUICE_LIFELINE: z
    .literal("1")
    .optional()
    .transform((value) => value === "1"),
};

/** A text that has to be there; what is wrong and what to do about it is said the same way, missing or too short. */
const required = (remedy: string, charactersMin = 1) => z.string({ error: remedy }).min(charactersMin, remedy);

const database = {
  DATABASE_URL: required("set DATABASE_URL, or start with `npm start`, which brings its own Postgres"),
};

const internal = {
  INTERNAL_SECRET: required("set INTERNAL_SECRET to 32 random characters or more; `npm start` makes one", 32),
};

const secrets = {
  /** Seals what has to be read again, such as the secrets of access keys. */
  SECRETS_KEY: optionalText.pipe(
    z.string().min(32, "set SECRETS_KEY to 32 random characters or more; `npm start` makes one").optional(),
  ),
};

const stripe = {
  /** Without it no money moves: invoices are our own ledger's only. */
  STRIPE_SECRET_KEY: optionalText,
  STRIPE_WEBHOOK_SECRET: optionalText,
  STRIPE_API_BASE: z
    .url({ error: "set STRIPE_API_BASE to the address of a stand-in for Stripe, or to nothing" })
    .or(z.literal("").transform(() => undefined))
    .optional(),
};

type Domains = { NODE_ENV: string; FUNCTIONS_DOMAIN: string; NEXTAUTH_URL?: string | undefined };

/** Refuses, in production, a functions' domain from which a tenant could set cookies for the console. */
function keepDomainsApart({ NODE_ENV, FUNCTIONS_DOMAIN, NEXTAUTH_URL }: Domains, context: z.RefinementCtx): void {
  if (NODE_ENV !== "production" || NEXTAUTH_URL === undefined || !URL.canParse(NEXTAUTH_URL)) return;
  const message = domainConflict(new URL(NEXTAUTH_URL).hostname, FUNCTIONS_DOMAIN);
  if (message !== undefined) context.addIssue({ code: "custom", path: ["FUNCTIONS_DOMAIN"], message });
}

const supervisorVariables = z.object({ ...shared, DATABASE_URL: optionalText, NEXTAUTH_URL: optionalText });
const supervisorEnv = supervisorVariables.superRefine(keepDomainsApart);

const consoleVariables = z.object({
  ...shared,
  ...database,
  ...internal,
  ...secrets,
  NEXTAUTH_URL: z.url({
    error: "set NEXTAUTH_URL to the console's address as browsers see it, such as https://console.example.com",
  }),
  NEXTAUTH_SECRET: required("set NEXTAUTH_SECRET to 32 random characters or more; `npm start` makes one", 32),
  RUNTIME_URL: z.url({ error: "set RUNTIME_URL to the runtime's internal address, such as http://127.0.0.1:8788" }),
  /** Whether a reverse proxy stands before the console: its last x-forwarded-for entry is then the caller's address. */
  TRUST_PROXY: flag,
  /** Where mail goes out: smtp://user:password@host:587, or smtps:// for TLS from the start. Without it nothing is mailed. */
  SMTP_URL: optionalText.pipe(
    z
      .string()
      .regex(/^smtps?:\/\/./, "set SMTP_URL to an address such as smtps://user:password@mail.example.com")
      .optional(),
  ),
  /** Who sells, as it stands on invoices: the name, and what else the law wants, parted by "|". */
  INVOICE_ISSUER: optionalText,
  /** Whom mail is from, such as "Sluice <billing@example.com>". */
  MAIL_FROM: optionalText,
  GITHUB_ID: optionalText,
  GITHUB_SECRET: optionalText,
  GOOGLE_ID: optionalText,
  GOOGLE_SECRET: optionalText,
  ...stripe,
});
const consoleEnv = consoleVariables.superRefine(keepDomainsApart);

const sandboxes = {
  /** A group that the operator made for Sluice's control groups, as /proc/self/cgroup would name it. */
  CGROUP_PARENT: z
    .string()
    .trim()
    .regex(
      /^(\/(?!\.\.?(\/|$))[^/]+)+$|^\/?$/,
      "name a group as /proc/self/cgroup does, such as /sluice or /system.slice/sluice.service",
    )
    .refine((path) => !path.startsWith("/sys/fs/cgroup"), {
      error: "leave out /sys/fs/cgroup and, in version 1, the controller: /sluice names /sys/fs/cgroup/memory/sluice",
    })
    .transform((path) => (path === "" ? undefined : path))
    .optional(),
};

const doctorEnv = z.object(sandboxes);

const runtimeVariables = z.object({
  ...shared,
  ...database,
  ...internal,
  ...secrets,
  ...sandboxes,
  /** Where sockets and shared binaries live; short, because a unix socket's path has 107 bytes at most. */
  RUN_DIR: optionalText,
  /** Host names or addresses that functions may reach although they are private, comma-separated: "db.internal:5432,10.0.0.7:80". */
  EGRESS_ALLOW: z
    .string()
    .default("")
    .transform((text) =>
      text
        .split(",")
        .map((entry) => entry.trim())
        .filter((entry) => entry !== ""),
    ),
  /** Threads that serve HTTP; 0: one for each core. */
  GATEWAY_THREADS: z.coerce.number().int().min(0).max(64).default(0),
  /** Instances that this node may run at a time; 0: what its memory bears. */
  INSTANCES_MAX: z.coerce.number().int().min(0).max(10_000).default(0),
  /** Calls of one organization that may wait for an instance. */
  WAITING_MAX: z.coerce.number().int().min(0).max(100_000).default(1_000),
  /** How long calls that a replaced version still answers (streams, WebSockets) may go on. */
  REPLACED_MS_MAX: z.coerce.number().int().min(0).default(30_000),
  /** "1": another runtime serves on the same ports and DATA_DIR, and is about to be stopped; this one takes over. */
  TAKE_OVER: flag,
  INSTANCE_IDLE_MS: z.coerce.number().int().min(100).default(60_000),
  /** How long a stop waits for requests in flight and open WebSockets. The supervisor allows a stop 25 s in all. */
  DRAIN_MS_MAX: z.coerce.number().int().min(0).max(15_000).default(10_000),
  /** Sandboxes kept started ahead of need: so many when nobody asks, and so many at the most. */
  WARM_POOL_SIZE: z.coerce.number().int().min(0).max(64).default(2),
  WARM_POOL_SIZE_MAX: z.coerce.number().int().min(0).max(256).default(16),
  /** "stdout", "stderr", "off" or a file: where one line a request goes. Unset: stdout, but off under `npm start`. */
  REQUEST_LOG: optionalText,
  /** An OpenTelemetry collector, by OpenTelemetry's own names. */
  OTEL_EXPORTER_OTLP_ENDPOINT: optionalText.pipe(
    z
      .url({ protocol: /^https?$/, error: "set it to the collector's address, such as http://127.0.0.1:4318" })
      .optional(),
  ),
  OTEL_EXPORTER_OTLP_HEADERS: z.string().default("").transform(headersOf),
  TRACE_SAMPLE_RATIO: optionalText.pipe(z.coerce.number<string | undefined>().min(0).max(1).optional()),
  TRACE_TRUST_CALLERS: flag,
  TRACES_PER_SECOND_MAX: z.coerce.number().int().min(1).max(10_000).default(100),
});

/** "name=value,name=value", values percent-encoded, as OpenTelemetry writes headers in the environment. */
function headersOf(text: string): Record<string, string> {
  const pairs = text.split(",").map((pair) => pair.split(/=(.*)/s, 2));
  return Object.fromEntries(
    pairs.flatMap(([name = "", value]) =>
      name.trim() === "" || value === undefined ? [] : [[name.trim().toLowerCase(), decoded(value.trim())]],
    ),
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A lone % stands for itself.
  }
}

const stripeSetupEnv = z.object({
  ...stripe,
  STRIPE_SECRET_KEY: required("set STRIPE_SECRET_KEY to the account's secret key (sk_…)"),
  NEXTAUTH_URL: consoleVariables.shape.NEXTAUTH_URL,
  DATABASE_URL: optionalText,
});

export type SupervisorEnv = z.infer<typeof supervisorEnv>;
export type ConsoleEnv = z.infer<typeof consoleEnv>;
export type RuntimeEnv = z.infer<typeof runtimeVariables>;
type DoctorEnv = z.infer<typeof doctorEnv>;

/** Thrown with one line a wrong variable, to be printed as it is. */
export class EnvError extends Error {}

function read<Schema extends z.ZodType>(schema: Schema, source: NodeJS.ProcessEnv): z.infer<Schema> {
  const result = schema.safeParse(source);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => `  ${issue.path.join(".")}: ${issue.message}`);
  throw new EnvError(`The environment is not usable:\n${lines.join("\n")}`);
}

export function readSupervisorEnv(source: NodeJS.ProcessEnv = process.env): SupervisorEnv {
  return read(supervisorEnv, source);
}

export function readConsoleEnv(source: NodeJS.ProcessEnv = process.env): ConsoleEnv {
  return read(consoleEnv, source);
}

/** What `npm run stripe:setup` needs to know. */
export function readStripeSetupEnv(source: NodeJS.ProcessEnv = process.env): z.infer<typeof stripeSetupEnv> {
  return read(stripeSetupEnv, source);
}

export function readRuntimeEnv(source: NodeJS.ProcessEnv = process.env): RuntimeEnv {
  return read(runtimeVariables, source);
}

export function readDoctorEnv(source: NodeJS.ProcessEnv = process.env): DoctorEnv {
  return read(doctorEnv, source);
}

/** Every setting there is: what `.env.example` lists. */
export function settingNames(): string[] {
  return Object.keys({ ...supervisorVariables.shape, ...consoleVariables.shape, ...runtimeVariables.shape });
}

/** Where one line a request goes: a descriptor, a file's path, or null for nowhere. Standard output is the supervisor's under `npm start`. */
export function requestLogTarget(env: Pick<RuntimeEnv, "REQUEST_LOG" | "SLUICE_LIFELINE">): number | string | null {
  const { REQUEST_LOG = env.SLUICE_LIFELINE ? "off" : "stdout" } = env;
  if (REQUEST_LOG === "off") return null;
  if (REQUEST_LOG === "stderr") return 2;
  if (REQUEST_LOG === "stdout") return env.SLUICE_LIFELINE ? 2 : 1;
  return resolve(REQUEST_LOG);
}

/** The folders in which programs are looked for. */
export function readSearchPath(source: NodeJS.ProcessEnv = process.env): string[] {
  return (source["PATH"] ?? "/usr/bin:/bin").split(delimiter).filter((dir) => dir !== "");
}

/** Where the system wants an account's sockets, if it says. */
export function readUserRunDir(source: NodeJS.ProcessEnv = process.env): string | undefined {
  return source["XDG_RUNTIME_DIR"] || undefined;
}

/** Everything we were given, for children that are ours: they read their own part of it. */
export function inheritedEnvironment(source: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return { ...source };
}

/** Next reports to its makers unless the process it runs in says not to. */
export function muteNext(target: NodeJS.ProcessEnv = process.env): void {
  target["NEXT_TELEMETRY_DISABLED"] = "1";
}

/** What npm needs of the environment to install a function's packages, and nothing else: no secret of ours is in it. */
export function readNpmEnvironment(source: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const named = new Set([
    "PATH",
    "HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
  ]);
  const isNpms = (name: string) => named.has(name.toUpperCase()) || /^npm_config_/i.test(name);
  return Object.fromEntries(
    Object.entries(source).flatMap(([name, value]) => (value !== undefined && isNpms(name) ? [[name, value]] : [])),
  );
}

/** Whom mail is from when nobody says: the console's own host. */
export function mailFrom(env: Pick<ConsoleEnv, "MAIL_FROM" | "NEXTAUTH_URL">): string {
  return env.MAIL_FROM ?? `Sluice <no-reply@${new URL(env.NEXTAUTH_URL).hostname}>`;
}

/** Who sells, a line each: the console's own host when nobody says. */
export function invoiceIssuer(env: Pick<ConsoleEnv, "INVOICE_ISSUER" | "NEXTAUTH_URL">): string[] {
  const lines = (env.INVOICE_ISSUER ?? "").split("|").map((line) => line.trim());
  const said = lines.filter((line) => line !== "");
  return said.length > 0 ? said : [`Sluice at ${new URL(env.NEXTAUTH_URL).host}`];
}

/** The address of an organization's page of the console as a browser reaches it. */
export function organizationUrl(env: Pick<ConsoleEnv, "NEXTAUTH_URL">, path: string): string {
  return new URL(path, env.NEXTAUTH_URL).href;
}

/** The address of the S3 door as clients reach it. */
export function s3Url(env: Pick<ConsoleEnv, "S3_DOMAIN" | "S3_PORT">): string {
  return env.S3_DOMAIN === "localhost" ? `http://localhost:${env.S3_PORT}` : `https://${env.S3_DOMAIN}`;
}

/** The address of a function as a browser reaches it. */
export function functionUrl(
  env: Pick<ConsoleEnv, "FUNCTIONS_DOMAIN" | "GATEWAY_PORT">,
  names: { functionName: string; organizationSlug: string },
): string {
  const scheme = env.FUNCTIONS_DOMAIN === "localhost" ? "http" : "https";
  const suffix = env.FUNCTIONS_DOMAIN === "localhost" ? `:${env.GATEWAY_PORT}` : "";
  return `${scheme}://${names.functionName}--${names.organizationSlug}.${env.FUNCTIONS_DOMAIN}${suffix}`;
}
