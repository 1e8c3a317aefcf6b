// The example in the client's README. They must be identical.
import { createClient, type InputOf, isClusterdeskError } from "@clusterdesk/client";
import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { settings } from "./settings.ts";

const client = createClient({ url: settings.url, token: () => settings.token });

const list = queryOptions({
  queryKey: ["k8s.list"],
  queryFn: ({ signal }) => client.k8s.list(undefined, { signal }),
});

export function Clusters() {
  const queryClient = useQueryClient();
  const clusters = useQuery(list);
  const create = useMutation({
    mutationFn: (input: InputOf<"k8s.create">) => client.k8s.create(input),
  });

  // Read the list again after every change, whoever made it.
  useEffect(() => {
    const { unsubscribe } = client.k8s.watch(undefined, {
      onEvent: () => queryClient.invalidateQueries(list),
    });
    return unsubscribe;
  }, [queryClient]);

  const issues = isClusterdeskError(create.error, "BAD_REQUEST") ? (create.error.issues ?? []) : [];
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        create.mutate({ name: String(form.get("name")), location: String(form.get("location")) });
      }}
    >
      <ul>
        {clusters.data?.map(({ id, name, status }) => (
          <li key={id}>{`${name}: ${status}`}</li>
        ))}
      </ul>
      {["name", "location"].map((field) => (
        <label key={field}>
          {field} <input name={field} />
          {issues
            .filter(({ path }) => path === field)
            .map(({ message }) => (
              <em key={message}>{message}</em>
            ))}
        </label>
      ))}
      <button type="submit" disabled={create.isPending}>
        Create
      </button>
    </form>
  );
}
