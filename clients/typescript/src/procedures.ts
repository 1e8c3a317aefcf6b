// A placeholder, until it is printed from the registry.
export type Plan = "FREE" | "PRO" | "BUSINESS";
export type Role = "USER" | "ADMIN";
export type Status = "PENDING" | "CREATING" | "INITING" | "RUNNING" | "STOPPED" | "DELETED";
export interface Cluster { id: number; name: string; location: string; authUserId: string | null; plan: Plan; network: string | null; status: Status; createdAt: string; updatedAt: string; deletedAt: string | null }
export interface Success { success: true }
export interface Page<T> { items: T[]; nextCursor: string | null }
export type WatchEvent = { type: "created" | "updated" | "statusChanged" | "deleted" | "restored"; id: string; at: string; cluster: Cluster } | { type: "lagged"; id: string };

type Create = { kind: "mutation"; input: { name: string; location: string; plan?: Plan; id?: number }; output: { id: number; clusterName: string; location: string; plan: Plan; success: true } };
type List = { kind: "query"; input: void; output: Cluster[] };

export interface Procedures {
  "hello.hello": { kind: "query"; input: { text: string }; output: { greeting: string } };
  "user.me": { kind: "query"; input: void; output: { id: string; name: string | null; email: string | null; image: string | null; role: Role; createdAt: string } };
  "k8s.list": List;
  "k8s.getClusters": List;
  "k8s.get": { kind: "query"; input: { id: number }; output: Cluster };
  "k8s.create": Create;
  "k8s.createCluster": Create;
  "k8s.update": { kind: "mutation"; input: { id: number; name?: string; location?: string }; output: Success };
  "k8s.delete": { kind: "mutation"; input: { id: number }; output: Success };
  "k8s.listDeleted": { kind: "query"; input: { cursor?: string; limit?: number }; output: Page<Cluster> };
  "k8s.watch": { kind: "subscription"; input: { lastEventId?: string; userId?: string; clusterId?: number; plan?: Plan; status?: Status }; output: WatchEvent };
}
