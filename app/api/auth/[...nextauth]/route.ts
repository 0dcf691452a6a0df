import NextAuth from "next-auth";
import type { NextRequest } from "next/server";
import { parts } from "#server/api/context.ts";

type RouteContext = { params: Promise<{ nextauth: string[] }> };

function handle(req: NextRequest, context: RouteContext): Promise<Response> {
  return NextAuth(req, context, parts().auth);
}

export { handle as GET, handle as POST };
