/** The name of the session's cookie. */
export const SESSION = "__session";

/** The key that signs and verifies sessions. */
export const key = () => new TextEncoder().encode(process.env.JWT_SECRET);
