/** What every contestant answers with: a function as most small ones are. */
export const HELLO = "Hello from a function\n";

/** The tenant's main module, the same text for the platform and for bare workerd. */
export const helloBundle = `export default { fetch() { return new Response(${JSON.stringify(HELLO)}); } };`;

/** One date for both, so that both run the same behaviour of the runtime. */
export const COMPATIBILITY_DATE = "2026-11-01";
