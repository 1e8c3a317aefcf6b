// The types of a subscription. Its events are a union, discriminated by `type`.
import type { ClusterChange } from "../../../clients/app-router.js";
import { trpc } from "./links.js";
import { same } from "./same.js";

export function watch() {
  const subscription = trpc.k8s.watch.subscribe(
    { plan: "PRO", lastEventId: "17" },
    {
      onData({ id, data }) {
        same<typeof id, string>(true);
        same<typeof data, ClusterChange>(true);
        switch (data.type) {
          case "ready":
          case "lagged":
            // @ts-expect-error it has no cluster
            return data.cluster;
          default:
            same<typeof data.at, Date>(true);
            return data.cluster.createdAt.getTime();
        }
      },
      onError(error) {
        return error.data?.zodError?.formErrors;
      },
      onConnectionStateChange({ state }) {
        return state === "pending";
      },
    },
  );
  subscription.unsubscribe();
  trpc.k8s.watch.subscribe(undefined, { onData: () => {} });
  // @ts-expect-error no such status
  trpc.k8s.watch.subscribe({ status: "ASLEEP" }, {});
}
