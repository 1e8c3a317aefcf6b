// Who is at the keyboard. The token lives in this variable and nowhere else: no storage, no cookie, no address. A reload
// forgets it.

let token = "";
let user = null;
const listeners = new Set();

function change(nextToken, nextUser) {
  token = nextToken;
  user = nextUser;
  for (const listener of [...listeners]) listener();
}

export const session = {
  /** The bearer token; empty when there is none. */
  get token() {
    return token;
  },
  /** What `user.me` answered; null before that. */
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
  /** Calls back after every change; returns how to stop that. */
  onChange(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};
