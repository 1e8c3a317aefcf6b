import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { useSubscription } from "@trpc/tanstack-react-query";
import { type FormEvent, useState } from "react";
import { queryClient, trpc } from "./trpc.ts";

/** Uses tRPC as frontends do: queries, mutations, pagination, events, and the errors of a form. */
export function WithTrpc() {
  const me = useQuery(trpc.user.me.queryOptions());
  const clusters = useQuery(trpc.k8s.getClusters.queryOptions());
  const deleted = useInfiniteQuery(
    trpc.k8s.listDeleted.infiniteQueryOptions({ limit: 2 }, { getNextPageParam: ({ nextCursor }) => nextCursor }),
  );
  const create = useMutation(trpc.k8s.createCluster.mutationOptions());
  const remove = useMutation(trpc.k8s.deleteCluster.mutationOptions());
  const [events, setEvents] = useState<string[]>([]);
  const changes = useSubscription(
    trpc.k8s.watch.subscriptionOptions(undefined, {
      onData: ({ data }) => {
        setEvents((seen) => [...seen, data.type]);
        void queryClient.invalidateQueries(trpc.k8s.pathFilter());
      },
    }),
  );
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    create.mutate({ name: String(form.get("name")), location: String(form.get("location")) });
  };
  const wrong = create.error?.data?.zodError?.fieldErrors;
  return (
    <>
      <p data-testid="me">
        {me.data
          ? `${me.data.id}, since ${me.data.createdAt instanceof Date && me.data.createdAt.getUTCFullYear()}`
          : me.error?.message}
      </p>
      <p data-testid="live">{changes.status}</p>
      <ul data-testid="clusters">
        {clusters.data?.map(({ id, name, status }) => (
          <li key={id}>
            {`${name}: ${status}`}{" "}
            <button type="button" onClick={() => remove.mutate({ id })}>
              Delete
            </button>
          </li>
        ))}
      </ul>
      <form onSubmit={submit}>
        {["name", "location"].map((field) => (
          <label key={field}>
            {field} <input name={field} aria-describedby={`trpc-${field}`} />
            <span className="error" id={`trpc-${field}`} data-testid={`error-${field}`}>
              {wrong?.[field]?.join(", ")}
            </span>
          </label>
        ))}
        <p className="error" data-testid="error">
          {create.error?.data?.code}
        </p>
        <button type="submit" disabled={create.isPending}>
          Create
        </button>
      </form>
      <ul data-testid="deleted">
        {deleted.data?.pages
          .flatMap(({ items }) => items)
          .map(({ id, name }) => (
            <li key={id}>{name}</li>
          ))}
      </ul>
      {deleted.hasNextPage && (
        <button type="button" onClick={() => void deleted.fetchNextPage()}>
          More
        </button>
      )}
      <ol data-testid="events">
        {events.map((type, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the list only grows at its end.
          <li key={index}>{type}</li>
        ))}
      </ol>
    </>
  );
}
