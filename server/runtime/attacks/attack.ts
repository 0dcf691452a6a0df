/** What must be seen when an attack is tried. In every case the neighbour answers and the platform stays as it was. */
export type Expectation =
  /** The runtime throws at the function. */
  | { kind: "refused" }
  /** The function gets something, and it is this. */
  | { kind: "gets"; text: RegExp }
  /** The platform answers in its place, with one of these codes. */
  | { kind: "ended"; codes: readonly string[] }
  /** Whatever it is that the caller gets: only its own request is concerned. */
  | { kind: "harmless" };

export type Attack = {
  name: string;
  /** The wall that stops it, in words of docs/security.md. */
  wall: string;
  /** The body of `async (request, env, ctx, target) => text`. */
  code: string;
  expect: Expectation;
  /**
   * URLs that it reaches for and that are not on this machine's loopback. Where the test has no network of its own to
   * give their addresses to, the attack isn't run: the rules are asked for their decision, and nothing is connected to.
   */
  elsewhere?: readonly string[];
};

/** Places on this machine that an attack may aim at, all on loopback. */
export type Target = { gatewayPort: number; allowedPort: number; forbiddenPort: number };

export const refused: Expectation = { kind: "refused" };
export const harmless: Expectation = { kind: "harmless" };
export const gets = (text: RegExp): Expectation => ({ kind: "gets", text });
export const ended = (...codes: string[]): Expectation => ({ kind: "ended", codes });

/** An attack as a function that a tenant would deploy. */
export function bundleOf({ code }: Attack): string {
  return `
async function attack(request, env, ctx, target) {
${code}
}
export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (url.pathname === "/after") return new Response("alive");
    try {
      const got = await attack(request, env, ctx, JSON.parse(url.searchParams.get("target")));
      return got instanceof Response ? got : new Response("got " + got);
    } catch (error) {
      return new Response("refused " + error);
    }
  },
};`;
}
