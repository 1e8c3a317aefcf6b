// The types of a subscription. Its events are a union, discriminated by `type`.
import type { AuditChange, AuditEntry, ClusterChange } from "../../../clients/app-router.js";
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

export function watchAudit() {
  return trpc.admin.watchAudit.subscribe(
    { actorId: "stripe", procedure: "k8s.create", entity: "cluster", entityId: "7", lastEventId: "17" },
    {
      onData({ id, data }) {
        same<typeof id, string>(true);
        same<typeof data, AuditChange>(true);
        if (data.type !== "recorded") {
          // @ts-expect-error it has no entry
          return data.entry;
        }
        same<typeof data.entry, AuditEntry>(true);
        return data.entry.createdAt.getTime();
      },
    },
  );
}
// @ts-expect-error no such filter
trpc.admin.watchAudit.subscribe({ userId: "somebody" }, {});
