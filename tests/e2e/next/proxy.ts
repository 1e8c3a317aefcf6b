import { jwtVerify } from "jose";
import { type NextRequest, NextResponse } from "next/server";
import { key, SESSION } from "./key";

/** Lets only people with a valid session see the dashboard. */
export async function proxy(request: NextRequest): Promise<NextResponse> {
  try {
    await jwtVerify(request.cookies.get(SESSION)?.value ?? "", key(), { algorithms: ["HS256"] });
    return NextResponse.next();
  } catch {
    return NextResponse.redirect(new URL("/sign-in", process.env.APP_URL));
  }
}

export const config = { matcher: "/dashboard/:path*" };
