// Environments: tokens with names, of which one is in use. They are kept in memory only, like the session, and a reload discards
// them.

import { session } from "./session.js";
import { neverKeep } from "./store.js";

/** `{name, token, user}`, in the order in which they were added. */
let known = [];
/** The one whose token the session has; null if none. */
let current = null;
/** Whom the cookie of this browser signs in, where no token is used; null if nobody. */
let cookieUser = null;
const listeners = new Set();

export const environments = {
  get all() {
    return known;
  },
  get current() {
    return current;
  },
  get cookieUser() {
    return cookieUser;
  },
  isFree(name) {
    return known.every((other) => other.name !== name);
  },
  /** Adds a token under a name that is free, and uses it. */
  add(name, token, user) {
    neverKeep(token);
    // One token has one name.
    known = [...known.filter((other) => other.token !== token), { name, token, user }];
    current = known.at(-1);
    session.begin(token, user);
  },
  /** Calls with the token of `environment`; with null, by the cookie of this browser, or as nobody. */
  use(environment) {
    current = environment;
    if (environment !== null) session.begin(environment.token, environment.user);
    else if (cookieUser !== null) session.begin("", cookieUser);
    else session.end();
  },
  rename(environment, name) {
    environment.name = name;
    tell();
  },
  remove(environment) {
    known = known.filter((other) => other !== environment);
    if (environment === current) environments.use(null);
    else tell();
  },
  /** Calls `listener` after every change. Returns a function that stops this. */
  onChange(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

/** Follows the session: a token that was given when signing in becomes an environment, and signing out discards it. */
export function startEnvironments() {
  session.onChange(() => {
    const { token, user } = session;
    const own = known.find((other) => other.token === token);
    if (own) {
      own.user = user;
      current = own;
    } else if (token !== "") {
      neverKeep(token);
      current = { name: freeName(user.name ?? user.id), token, user };
      known = [...known, current];
    } else {
      // Unless another one was chosen, the session has ended. That ends the one of the cookie as well.
      known = known.filter((other) => other !== current);
      current = null;
      cookieUser = user;
    }
    tell();
  });
}

function freeName(wanted) {
  let name = wanted;
  for (let count = 2; !environments.isFree(name); count += 1) name = `${wanted} ${count}`;
  return name;
}

function tell() {
  for (const listener of [...listeners]) listener();
}
