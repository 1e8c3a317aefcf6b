// HS256 tokens.
import { createHmac, timingSafeEqual } from "node:crypto";

/** Returns a function from a token to the id of its user. Verified tokens are cached until they expire. */
export function verifier(secret) {
  const verified = new Map();
  return (token) => {
    if (!token) return undefined;
    let claims = verified.get(token);
    if (!claims) {
      claims = verify(token, secret);
      if (!claims) return undefined;
      if (verified.size >= 100_000) verified.clear();
      verified.set(token, claims);
    }
    return claims.exp > Date.now() / 1000 ? claims.sub : undefined;
  };
}

function verify(token, secret) {
  const [head, body, signature] = token.split(".");
  const expected = createHmac("sha256", secret).update(`${head}.${body}`).digest();
  const given = Buffer.from(signature ?? "", "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  if (JSON.parse(Buffer.from(head, "base64url")).alg !== "HS256") return undefined;
  return JSON.parse(Buffer.from(body, "base64url"));
}
