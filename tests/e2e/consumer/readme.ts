// The snippets of the client's README; a test compares them.
import { createClient, isClusterdeskError } from "@clusterdesk/client";

declare const session: { getToken(): Promise<string> };

const client = createClient({
  url: "https://rpc.example.com/",
  token: () => session.getToken(), // or a string
});

export async function calls() {
  const { id } = await client.k8s.create({ name: "production", location: "eu-central" });
  const clusters = await client.k8s.list();
  return [id, clusters];
}

export async function repeated(form: { id: string }) {
  await client.k8s.create({ name: "production", location: "eu-central" }, { idempotencyKey: form.id });
}

export async function errors() {
  try {
    await client.k8s.create({ name: "production", location: "eu-central" });
  } catch (error) {
    if (!isClusterdeskError(error)) throw error;
    switch (error.code) {
      case "BAD_REQUEST":
        return error.issues; // all issues: [{ path: "name", code: "too_long", message: "…" }]
      case "CONFLICT":
        return error.conflictingId; // the id of the existing cluster
      case "TOO_MANY_REQUESTS":
      case "SERVICE_UNAVAILABLE":
        return error.retryAfterMs;
      default:
        throw error; // error.requestId identifies the request in the server's log
    }
  }
}

export async function rest(signal: AbortSignal) {
  await client.admin.listUsers({ search: "ada" }, { signal: AbortSignal.timeout(5000) });
  const { unsubscribe } = client.k8s.watch(
    { status: "RUNNING" },
    {
      onEvent: (event) => console.log(event.type, event.id),
      onStateChange: (state) => console.log(state), // connecting, open, reconnecting, closed
      onError: (error) => console.error(error.code), // the subscription has ended
      signal,
    },
  );
  unsubscribe();
  for await (const event of client.k8s.watch()) {
    if (event.type === "created") console.log(event.cluster.name);
  }
}
