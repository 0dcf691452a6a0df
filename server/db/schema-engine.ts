import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { bindMigrationAwareSqlAdapterFactory } from "@prisma/driver-adapter-utils";
import { Pool } from "pg";
import * as bindings from "@prisma/schema-engine-wasm/schema_engine_bg";
import { engineAdapter } from "./engine-adapter.ts";

export type SchemaEngine = AsyncDisposable & { engine: bindings.SchemaEngine };

/**
 * Prisma's own schema engine, as WASM: it needs no download, and what it writes is what `prisma migrate` writes.
 * The package's entry wants a bundler that loads .wasm, so it is instantiated by hand here.
 */
export async function openSchemaEngine(databaseUrl: string): Promise<SchemaEngine> {
  const wasmPath = createRequire(import.meta.url)
    .resolve("@prisma/schema-engine-wasm/schema_engine_bg")
    .replace(/\.js$/, ".wasm");
  const module = await WebAssembly.compile(new Uint8Array(await readFile(wasmPath)));
  const instance = await WebAssembly.instantiate(module, { "./schema_engine_bg.js": { ...bindings } });
  bindings.__wbg_set_wasm(instance.exports);
  const start = instance.exports["__wbindgen_start"];
  if (typeof start === "function") start();
  const pool = new Pool({ connectionString: databaseUrl });
  const factory = bindMigrationAwareSqlAdapterFactory(engineAdapter(pool));
  const engine = await bindings.SchemaEngine.new({ datamodels: undefined }, () => undefined, factory);
  return {
    engine,
    async [Symbol.asyncDispose]() {
      engine.free();
      await pool.end();
    },
  };
}

export const noFilter = { externalTables: [], externalEnums: [] };
