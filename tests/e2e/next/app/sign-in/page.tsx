import { signIn } from "../../session";

/** Asks who it is. There are no passwords. */
export default function SignIn() {
  return (
    <main>
      <h1>Sign in</h1>
      <form action={signIn}>
        <label>
          User <input name="user" required />
        </label>
        <button type="submit">Sign in</button>
      </form>
    </main>
  );
}
