// Signs people in as Clerk does: the session is a JWT in the cookie `__session`. The key is local, and shared with the
// API (`JWT_SECRET`).
"use server";
import { SignJWT } from "jose";
import { cookies } from "next/headers";
import { redirect } from "next/navigation";
import { key, SESSION } from "./key";

/** Starts a session of an hour for the user whom the form names. */
export async function signIn(form: FormData): Promise<never> {
  const user = String(form.get("user"));
  const claims = { name: `Name of ${user}`, sid: `sess_${user}`, sts: "active", azp: process.env.APP_URL };
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(user)
    .setIssuedAt()
    .setExpirationTime("1h")
    .sign(key());
  const jar = await cookies();
  // Clerk's own script renews its cookie, so scripts can read that. Here none needs to, and the browser client works
  // although it can't.
  jar.set(SESSION, token, { httpOnly: true, sameSite: "lax", secure: process.env.APP_URL?.startsWith("https:") });
  redirect("/dashboard");
}

/** Ends the session. */
export async function signOut(): Promise<never> {
  (await cookies()).delete(SESSION);
  redirect("/sign-in");
}
