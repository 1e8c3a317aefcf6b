// The signed-in user: by a cookie, which survives a reload and which this page can't read, or by a token. A token is kept in this
// module's memory only, not in storage, cookies or the URL, and a reload discards it. It wins over the cookie.

let token = "";
let user = null;
const listeners = new Set();

function change(nextToken, nextUser) {
  token = nextToken;
  user = nextUser;
  for (const listener of [...listeners]) listener();
}

export const session = {
  /** The bearer token; empty if there is none, and also if a cookie signs in. */
  get token() {
    return token;
  },
  /** The output of `user.me`; null if nobody is signed in. */
  get user() {
    return user;
  },
  get isAdmin() {
    return user?.role === "ADMIN";
  },
  begin(nextToken, nextUser) {
    change(nextToken, nextUser);
  },
  end() {
    change("", null);
  },
  /** Calls `listener` after every change. Returns a function that stops this. */
  onChange(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};
