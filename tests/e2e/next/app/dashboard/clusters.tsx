"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useSubscription } from "@trpc/tanstack-react-query";
import type { Cluster, Plan } from "../../trpc/app-router";
import { useTRPC } from "../../trpc/client";

const text = (form: FormData, field: string) => String(form.get(field));

/** The user's clusters, which follow every change. `first` is what the server rendered. */
export function Clusters({ first }: { first: Cluster[] }) {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const clusters = useQuery(trpc.k8s.getClusters.queryOptions(undefined, { initialData: first }));
  const create = useMutation(trpc.k8s.createCluster.mutationOptions());
  const rename = useMutation(trpc.k8s.updateCluster.mutationOptions());
  const remove = useMutation(trpc.k8s.deleteCluster.mutationOptions());
  const changes = useSubscription(
    trpc.k8s.watch.subscriptionOptions(undefined, {
      onData: () => void queryClient.invalidateQueries(trpc.k8s.getClusters.queryFilter()),
    }),
  );
  const submit = (form: FormData) => {
    create.mutate({ name: text(form, "name"), location: text(form, "location"), plan: text(form, "plan") as Plan });
  };
  return (
    <section aria-label="Clusters">
      <p data-testid="live">{changes.status}</p>
      <ul>
        {clusters.data.map(({ id, name, plan, createdAt }) => (
          <li key={id}>
            <form action={(form) => rename.mutate({ id, name: text(form, "name") })}>
              <strong>
                {name} ({plan})
              </strong>{" "}
              since <time>{createdAt.toISOString()}</time>{" "}
              <input name="name" defaultValue={name} aria-label="New name" />
              <button type="submit">Rename</button>
              <button type="button" onClick={() => remove.mutate({ id })}>
                Delete
              </button>
            </form>
          </li>
        ))}
      </ul>
      <form action={submit} aria-label="New cluster">
        <label>
          Name <input name="name" required />
        </label>
        <label>
          Location <input name="location" required />
        </label>
        <label>
          Plan{" "}
          <select name="plan">
            <option>FREE</option>
            <option>PRO</option>
          </select>
        </label>
        <button type="submit">Create</button>
      </form>
      <p role="alert">{(create.error ?? rename.error ?? remove.error)?.message}</p>
    </section>
  );
}
