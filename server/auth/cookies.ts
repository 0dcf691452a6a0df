import type { NextAuthOptions } from "next-auth";

/**
 * Cookies know no ports: the port is in their names, so that two consoles on one machine don't sign each other's people out.
 * Over https the prefix __Host- keeps other hosts of the domain, where tenants' functions may live, from setting them.
 */
export function authCookies(consoleUrl: string): NonNullable<NextAuthOptions["cookies"]> {
  const { protocol, port } = new URL(consoleUrl);
  const secure = protocol === "https:";
  const prefix = `${secure ? "__Host-" : ""}sluice${port ? `-${port}` : ""}`;
  const options = { httpOnly: true, sameSite: "lax", path: "/", secure } as const;
  return {
    sessionToken: { name: `${prefix}.session`, options },
    csrfToken: { name: `${prefix}.csrf`, options },
    callbackUrl: { name: `${prefix}.callback`, options },
    state: { name: `${prefix}.state`, options: { ...options, maxAge: 900 } },
    pkceCodeVerifier: { name: `${prefix}.pkce`, options: { ...options, maxAge: 900 } },
    nonce: { name: `${prefix}.nonce`, options },
  };
}
