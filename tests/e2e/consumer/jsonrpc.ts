// The types of clusterdesk's own client.
import {
  type Cluster,
  type ClusterChange,
  createClient,
  type InputOf,
  isClusterdeskError,
  type OutputOf,
} from "@clusterdesk/client";
import { same } from "./same.js";

const client = createClient({ url: "https://rpc.example.com/", token: async () => "…" });

export async function calls(signal: AbortSignal) {
  const me = await client.user.me();
  same<typeof me.createdAt, string>(true);
  const clusters = await client.k8s.getClusters(undefined, { signal });
  same<typeof clusters, Cluster[]>(true);
  same<OutputOf<"k8s.list">, Cluster[]>(true);
  same<InputOf<"k8s.createCluster">, InputOf<"k8s.create">>(true);
  await client.k8s.listDeleted();
  await client.k8s.listDeleted({ limit: 3 }, { signal });
  await client.admin.auditLog({ since: "2026-11-22T09:30:00.000Z" });
  const { conflicting } = await client.k8s.create({ name: "one", location: "eu", plan: "FREE" }).then(
    () => ({ conflicting: undefined }),
    (error: unknown) => {
      if (!isClusterdeskError(error)) throw error;
      if (error.code === "NETWORK_ERROR") return { conflicting: undefined };
      // @ts-expect-error no such code
      if (error.code === "TEAPOT") return { conflicting: undefined };
      return { conflicting: isClusterdeskError(error, "CONFLICT") ? error.conflictingId : undefined };
    },
  );
  same<typeof conflicting, number | undefined>(true);
}

export async function watching(signal: AbortSignal) {
  const { unsubscribe } = client.k8s.watch(
    { plan: "PRO" },
    { onEvent: (event) => same<typeof event, ClusterChange>(true), onError: ({ code }) => code, signal },
  );
  unsubscribe();
  for await (const event of client.k8s.watch()) if (event.type === "created") same<typeof event.cluster, Cluster>(true);
}

export function wrongUses() {
  // @ts-expect-error a field is missing
  void client.k8s.create({ name: "one" });
  // @ts-expect-error no field of this name
  void client.k8s.create({ name: "one", location: "eu", colour: "blue" });
  // @ts-expect-error not one of the plans
  void client.k8s.create({ name: "one", location: "eu", plan: "GOLD" });
  // @ts-expect-error an input is required
  void client.k8s.get();
  // @ts-expect-error takes no input
  void client.user.me({ id: 1 });
  // @ts-expect-error no such procedure
  void client.k8s.explode();
  // @ts-expect-error a call has no listeners
  void client.k8s.list(undefined, { onEvent: () => {} });
  // @ts-expect-error a subscription is no promise
  void client.k8s.watch().then;
}
