import type { Wire } from "./shape.ts";
import type { World } from "./world.ts";

/** A request that has passed the schema: the ids of its path, and its decoded form. */
export type Call = { world: World; ids: string[]; form: { [name: string]: Wire } };
export type Endpoint = (call: Call) => { [name: string]: Wire };
/** By method and path, as operations.ts writes them. */
export type Endpoints = Record<string, Endpoint>;
