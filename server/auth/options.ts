import type { NextAuthOptions } from "next-auth";
import CredentialsProvider from "next-auth/providers/credentials";
import GitHubProvider from "next-auth/providers/github";
import GoogleProvider from "next-auth/providers/google";
import { signInWithProvider } from "#server/accounts/identity.ts";
import { signIn } from "#server/accounts/sign-in.ts";
import { CLIENT_ADDRESS_HEADER } from "#server/auth/noted-headers.ts";
import type { Db } from "#server/db/client.ts";
import type { ConsoleEnv } from "#server/env.ts";
import type { Clock } from "#server/std/clock.ts";
import { Fault } from "#server/std/fault.ts";
import type { Log } from "#server/std/log.ts";
import { authCookies } from "./cookies.ts";

declare module "next-auth" {
  interface Session {
    userId?: string;
  }
}
declare module "next-auth/jwt" {
  interface JWT {
    userId?: string;
  }
}

type Tools = { env: ConsoleEnv; db: Db; clock: Clock; log: Log };

/** Sessions are signed tokens in a cookie; who may do what is read from the database at every call. */
export function authOptions(tools: Tools): NextAuthOptions {
  const { env, db, log } = tools;
  return {
    secret: env.NEXTAUTH_SECRET,
    session: { strategy: "jwt" },
    useSecureCookies: env.NEXTAUTH_URL.startsWith("https://"),
    cookies: authCookies(env.NEXTAUTH_URL),
    pages: { signIn: "/sign-in", error: "/sign-in", newUser: "/new" },
    providers: providers(tools),
    callbacks: {
      async signIn({ user, account }) {
        if (!account || account.type !== "oauth") return true;
        const result = await signInWithProvider(db, {
          provider: account.provider,
          providerAccountId: account.providerAccountId,
          name: user.name ?? "",
          email: user.email ?? "",
          image: user.image ?? null,
        });
        if (result.kind !== "signed_in") return `/sign-in?error=${result.kind}`;
        user.id = result.userId;
        return true;
      },
      jwt({ token, user }) {
        // `user` is there at sign-in only.
        if (user) token.userId = user.id;
        return token;
      },
      session({ session, token }) {
        return token.userId === undefined ? session : { ...session, userId: token.userId };
      },
    },
    logger: {
      // A session that can't be read is anybody's to send: no error of ours, and not worth a line each time.
      error: (code, metadata) =>
        code === "JWT_SESSION_ERROR"
          ? log.debug({ code }, "a session could not be read")
          : log.error({ code, metadata }, "sign-in failed"),
      warn: (code) => log.debug({ code }, "next-auth warning"),
      debug: () => {},
    },
  };
}

function providers(tools: Tools): NextAuthOptions["providers"] {
  const { GITHUB_ID, GITHUB_SECRET, GOOGLE_ID, GOOGLE_SECRET } = tools.env;
  const enabled: NextAuthOptions["providers"] = [withPassword(tools)];
  if (GITHUB_ID && GITHUB_SECRET) enabled.push(GitHubProvider({ clientId: GITHUB_ID, clientSecret: GITHUB_SECRET }));
  if (GOOGLE_ID && GOOGLE_SECRET) enabled.push(GoogleProvider({ clientId: GOOGLE_ID, clientSecret: GOOGLE_SECRET }));
  return enabled;
}

function withPassword(tools: Tools) {
  return CredentialsProvider({
    credentials: { email: { type: "email" }, password: { type: "password" } },
    async authorize(credentials, req) {
      const noted: unknown = req.headers?.[CLIENT_ADDRESS_HEADER];
      const clientAddress = typeof noted === "string" ? noted : "unknown";
      const email = credentials?.email ?? "";
      const password = credentials?.password ?? "";
      try {
        return await signIn(tools, { email, password, clientAddress });
      } catch (thrown) {
        // NextAuth hands an error's message to the page: a fault's is meant for people, any other is not.
        if (thrown instanceof Fault) throw new Error(thrown.message, { cause: thrown });
        tools.log.error({ err: thrown }, "sign-in failed");
        throw new Error("Something went wrong on our side. Try again in a moment.", { cause: thrown });
      }
    },
  });
}
