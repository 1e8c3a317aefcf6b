import { createHmac } from "node:crypto";

/** The HS256 secret of the servers under test. */
export const SECRET = "an end-to-end secret that is long enough for HS256";

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");

/** A JSON Web Token of this user that expires in `seconds`, with `more` claims. */
export function token(subject: string, seconds = 3600, more: object = {}): string {
  const claims = { sub: subject, name: `Name of ${subject}`, exp: Math.floor(Date.now() / 1000) + seconds, ...more };
  const signed = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}
