// TanStack Query with @trpc/tanstack-react-query.
import { QueryClient, useInfiniteQuery, useMutation, useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { createTRPCContext, createTRPCOptionsProxy, useSubscription } from "@trpc/tanstack-react-query";
import type { AppRouter, Cluster } from "../../../clients/app-router.js";
import { trpc as client } from "./links.js";
import { same } from "./same.js";

const queryClient = new QueryClient();
export const trpc = createTRPCOptionsProxy<AppRouter>({ client, queryClient });
export const { TRPCProvider, useTRPC } = createTRPCContext<AppRouter>();

export function useEverything() {
  const mine = useTRPC();
  const clusters = useQuery(mine.k8s.getClusters.queryOptions());
  same<typeof clusters.data, Cluster[] | undefined>(true);
  if (clusters.error) same<typeof clusters.error.data, import("@trpc/client").TRPCClientError<AppRouter>["data"]>(true);
  const me = useSuspenseQuery(trpc.user.me.queryOptions());
  same<typeof me.data.createdAt, Date>(true);
  const names = useQuery(trpc.k8s.list.queryOptions(undefined, { select: (all) => all.map(({ name }) => name) }));
  same<typeof names.data, string[] | undefined>(true);
  const create = useMutation(
    mine.k8s.createCluster.mutationOptions({
      onSuccess: async ({ id }) => {
        same<typeof id, number>(true);
        await queryClient.invalidateQueries(mine.k8s.list.queryFilter());
      },
      onError: (error) => error.data?.zodError?.fieldErrors,
    }),
  );
  create.mutate({ name: "one", location: "eu" });
  // @ts-expect-error a field is missing
  create.mutate({ name: "one" });
  const deleted = useInfiniteQuery(
    trpc.k8s.listDeleted.infiniteQueryOptions({ limit: 10 }, { getNextPageParam: ({ nextCursor }) => nextCursor }),
  );
  same<
    typeof deleted.data extends { pages: (infer P)[] } | undefined ? P : never,
    Awaited<ReturnType<typeof client.k8s.listDeleted.query>>
  >(true);
  const change = useSubscription(
    mine.k8s.watch.subscriptionOptions(
      { plan: "FREE" },
      { onData: ({ data }) => data.type === "created" && same<typeof data.at, Date>(true) },
    ),
  );
  same<typeof change.status, "idle" | "connecting" | "pending" | "error">(true);
  queryClient.setQueryData(trpc.k8s.list.queryKey(), (old) => {
    same<typeof old, Cluster[] | undefined>(true);
    return old;
  });
  // @ts-expect-error an input is required
  trpc.k8s.get.queryOptions();
}
