// x-content-hash: 6f4d00d7bccecb312dd602cb7fb35770dde8d929a010a1eedc9872f7af92fae0
// The procedures of clusterdesk 0.1.0, generated from its registry. Do not edit.
// @trpc/client 11

import type {
  inferRouterInputs,
  inferRouterOutputs,
  TRPCBuiltRouter,
  TRPCMutationProcedure,
  TRPCQueryProcedure,
  TRPCSubscriptionProcedure,
} from "@trpc/server";

/** Amounts as they are shown, in whole units of the currency. What is charged is Stripe's price. */
export interface Amounts {
  /** For a month. */
  monthly: number;
  /** For a year. */
  yearly: number;
}

/** An API token, also one that is expired or revoked. */
export interface ApiToken {
  id: number;
  userId: string;
  name: string;
  scope: Scope;
  /** Its last characters; null for a token from before they were kept. */
  hint: string | null;
  createdAt: Date;
  /** Null for never. */
  expiresAt: Date | null;
  /** When it was last used, to ten minutes; null for never. */
  lastUsedAt: Date | null;
  /** The address from which it was last used. */
  lastUsedAddress: string | null;
  /** Null unless it was revoked. */
  revokedAt: Date | null;
}

/** A new entry, or the state of the subscription. */
export type AuditChange =
  /** The first event, unless `lastEventId` was given. A client that reads the log after this event misses no entry. */
  | {
    type: "ready";
    /** The position after which delivery continues. */
    id: string;
  }
  /** An entry was written. */
  | {
    type: "recorded";
    /** A decimal number that increases from event to event. */
    id: string;
    /** The entry. */
    entry: AuditEntry;
  }
  /** The client was too slow and the server switches to reading the event log. No event is skipped. */
  | {
    type: "lagged";
    /** The position after which delivery continues. */
    id: string;
  };

/** An entry of the audit log: a change and who made it. */
export interface AuditEntry {
  id: number;
  /** The time of the change. */
  createdAt: Date;
  /** The user who made the change, or `cli`, `bootstrap`, `stripe` or `server`. */
  actorId: string;
  /** The procedure's canonical name. */
  procedure: string;
  /** The kind of object that was changed, such as `cluster`. */
  entity: string;
  /** The id of the changed object. */
  entityId: string;
  /** What changed; the shape depends on the procedure. */
  detail: unknown;
  /** The id of the request that made the change. */
  requestId: string;
  /** The address of the client; null if there was none or it was removed. */
  clientAddress: string | null;
  /** The id of the API token of the call; null for other tokens. */
  tokenId: number | null;
  /** How the change came in; null in entries from before this was recorded. */
  door: Door | null;
}

/** One page of a list. */
export interface AuditEntryPage {
  /** At most `limit` items. */
  items: AuditEntry[];
  /** The `cursor` of the next page; null on the last page. */
  nextCursor: string | null;
  /** The number of items of all pages. Only if the input asked for it, and where it can be counted quickly. */
  total?: Total | null | undefined;
}

/** The backups that the server makes. */
export interface Backups {
  /** Seconds from one to the next. */
  everySeconds: number;
  /** The time of the newest one; null if there is none. */
  newestAt: Date | null;
}

/** The Stripe account. */
export interface Billing {
  /** Whether there is a secret key. */
  configured: boolean;
  /** Whether requests are suspended after repeated failures. */
  suspended: boolean;
  /** Events that failed and wait for a replay. */
  failedEvents: number;
}

/** The width of a bucket. */
export type Bucket =
  /** An hour; only for changes. */
  | "hour"
  /** A day in UTC; not for revenue. */
  | "day"
  /** A month in UTC; only for revenue. */
  | "month";

/** The configuration of a Kubernetes cluster. */
export interface Cluster {
  id: number;
  name: string;
  /** Where it runs, such as `eu-central`. */
  location: string;
  /** The id of the owner; null after the owner was deleted. */
  authUserId: string | null;
  plan: Plan;
  /** `Default` unless the cluster was imported with another. */
  network: string;
  status: Status;
  createdAt: Date;
  updatedAt: Date;
  /** When it was deleted; null while it is active. */
  deletedAt: Date | null;
}

/** A change to a cluster, or the state of the subscription. */
export type ClusterChange =
  /** The first event, unless `lastEventId` was given. A client that reads its list after this event misses no change. */
  | {
    type: "ready";
    /** The position after which delivery continues. */
    id: string;
  }
  /** The cluster was created. */
  | {
    type: "created";
    /** A decimal number that increases from event to event. */
    id: string;
    /** The time of the change. */
    at: Date;
    /** The cluster after the change. */
    cluster: Cluster;
  }
  /** Its name or location changed. */
  | {
    type: "updated";
    /** A decimal number that increases from event to event. */
    id: string;
    /** The time of the change. */
    at: Date;
    /** The cluster after the change. */
    cluster: Cluster;
  }
  /** Its status changed. */
  | {
    type: "statusChanged";
    /** A decimal number that increases from event to event. */
    id: string;
    /** The time of the change. */
    at: Date;
    /** The cluster after the change. */
    cluster: Cluster;
  }
  /** The cluster was deleted. */
  | {
    type: "deleted";
    /** A decimal number that increases from event to event. */
    id: string;
    /** The time of the change. */
    at: Date;
    /** The cluster after the change. */
    cluster: Cluster;
  }
  /** The cluster was restored. */
  | {
    type: "restored";
    /** A decimal number that increases from event to event. */
    id: string;
    /** The time of the change. */
    at: Date;
    /** The cluster after the change. */
    cluster: Cluster;
  }
  /** The client was too slow and the server switches to reading the event log. No event is skipped. */
  | {
    type: "lagged";
    /** The position after which delivery continues. */
    id: string;
  };

/** The numbers of a user's clusters. */
export interface ClusterCount {
  active: number;
  deleted: number;
}

/** The cluster that was created. */
export interface ClusterCreated {
  id: number;
  clusterName: string;
  location: string;
  plan: Plan;
  /** Always true; a failure is an error. */
  success: true;
}

/** A cluster, live or deleted, and its owner. */
export interface ClusterDetail {
  cluster: Cluster;
  /** Whether it was ever RUNNING or STOPPED. It is then STOPPED after it was restored, else PENDING. */
  hasRun: boolean;
  /** Null after the owner was deleted for good. */
  owner: NamedUser | null;
}

/** A change of a cluster. */
export interface ClusterEvent {
  /** A decimal number that increases from event to event. */
  id: string;
  type: EventKind;
  /** The time of the change. */
  at: Date;
  /** The cluster after the change. */
  cluster: Cluster;
}

/** One page of a list. */
export interface ClusterEventPage {
  /** At most `limit` items. */
  items: ClusterEvent[];
  /** The `cursor` of the next page; null on the last page. */
  nextCursor: string | null;
  /** The number of items of all pages. Only if the input asked for it, and where it can be counted quickly. */
  total?: Total | null | undefined;
}

/** One page of a list. */
export interface ClusterPage {
  /** At most `limit` items. */
  items: Cluster[];
  /** The `cursor` of the next page; null on the last page. */
  nextCursor: string | null;
  /** The number of items of all pages. Only if the input asked for it, and where it can be counted quickly. */
  total?: Total | null | undefined;
}

/** A user's customer record: the plan and the Stripe ids. */
export interface Customer {
  id: number;
  /** The id of the user. */
  authUserId: string;
  name: string | null;
  plan: Plan;
  stripeCustomerId: string | null;
  stripeSubscriptionId: string | null;
  stripePriceId: string | null;
  /** The end of the paid period; null on FREE. */
  stripeCurrentPeriodEnd: Date | null;
  createdAt: Date;
  updatedAt: Date;
}

/** The database. */
export interface DatabaseHealth {
  /** Such as `SQLite`. */
  kind: string;
  /** How long it took for an answer. */
  latencyMs: number;
  /** The size of the SQLite file; null on PostgreSQL. */
  fileBytes: number | null;
  /** The size of SQLite's write-ahead log; null on PostgreSQL. */
  logBytes: number | null;
}

/** The way by which a change came in. */
export type Door = "jsonrpc" | "trpc" | "cli" | "stripe" | "server";

/** What clients switch on: `error.data.code`. Names and HTTP statuses are those of tRPC. */
export type ErrorCode =
  /** The request is not JSON. */
  | "PARSE_ERROR"
  /** The request or its input is invalid. */
  | "BAD_REQUEST"
  /** No usable credentials. */
  | "UNAUTHORIZED"
  /** The call must be paid for. */
  | "PAYMENT_REQUIRED"
  /** The caller lacks the rights. */
  | "FORBIDDEN"
  /** Not found, or not visible to the caller. */
  | "NOT_FOUND"
  /** The procedure can't be called in this way. */
  | "METHOD_NOT_SUPPORTED"
  /** The call exceeded its deadline and was undone. */
  | "TIMEOUT"
  /** Conflicts with an existing resource. */
  | "CONFLICT"
  /** A condition of the call does not hold. */
  | "PRECONDITION_FAILED"
  /** The request or the response is too large. */
  | "PAYLOAD_TOO_LARGE"
  /** The request has the wrong content type. */
  | "UNSUPPORTED_MEDIA_TYPE"
  /** The caller's rate limit is used up. */
  | "TOO_MANY_REQUESTS"
  /** A fault of the server. */
  | "INTERNAL_SERVER_ERROR"
  /** A service that the server depends on failed. */
  | "BAD_GATEWAY"
  /** The server is busy, stopping or cut off from its database. */
  | "SERVICE_UNAVAILABLE"
  /** A service that the server depends on did not answer in time. */
  | "GATEWAY_TIMEOUT";

/** `error.data` */
export interface ErrorData {
  /** What to switch on. */
  code: ErrorCode;
  /** The HTTP status of the code. */
  httpStatus: number;
  /** The procedure, where one was named. */
  path?: string | undefined;
  /** A UUID, also in the server's log. */
  requestId: string;
  /** With BAD_REQUEST: every issue of the input. */
  issues?: Issue[] | undefined;
  /** When a retry makes sense, in milliseconds from now. */
  retryAfterMs?: number | undefined;
  /** With CONFLICT: the id of the existing resource. */
  conflictingId?: number | undefined;
  /** With CONFLICT, when a `confirmToken` is stale: the new `UserSummary`, with timestamps as strings on every wire. */
  summary?: Record<string, unknown> | undefined;
  /**
   * With PRECONDITION_FAILED of a subscription: the id of the last purged event. Events after `lastEventId` are lost;
   * subscribe without it and read again what they would have changed.
   */
  purgedThrough?: string | undefined;
  /** With SERVICE_UNAVAILABLE: the write may or may not have been made. Without this, nothing was written. */
  outcome?: "unknown" | undefined;
}

/** The kind of change. */
export type EventKind = "created" | "updated" | "statusChanged" | "deleted" | "restored";

/** The result of a check. */
export interface Finding {
  /** What was checked. */
  check: string;
  /** Whether it is as it should be. */
  ok: boolean;
  /** What was found. */
  detail: string;
}

/** A greeting. */
export interface Greeting {
  /** `hello ` and the text, escaped for HTML. */
  greeting: string;
}

/** How the server is doing, as far as it can tell itself. */
export interface Health {
  /** The version of the server that has answered. */
  version: string;
  database: DatabaseHealth;
  queue: Queue;
  /** `ready`, `behind` or `unavailable`; null without a replica. */
  replica: string | null;
  /** Null if the server makes no backups. */
  backups: Backups | null;
  billing: Billing;
  jobs: Jobs;
  /** The checks of `clusterdesk doctor` that a running server can make. */
  findings: Finding[];
}

/** How often a price is paid. */
export type Interval =
  /** By the month. */
  | "month"
  /** By the year. */
  | "year";

/** One thing that is wrong with an input. */
export interface Issue {
  /** Property names and array indices joined by dots; empty for the input as a whole. */
  path: string;
  /**
   * For programs: `required`, `unknown_field`, `invalid_type`, `invalid_value`, `invalid_format`, `too_short`,
   * `too_long`, `too_small`, `too_big`, `duplicate_field`, `too_many_issues`.
   */
  code: string;
  /** For people: what follows the path in a sentence, such as "must not be empty". */
  message: string;
}

/** What servers do by themselves. */
export interface Jobs {
  /** When a server last began to remove what is old; null for never. */
  purgedAt: Date | null;
  /** When a server last began to move old entries of the audit log to a file; null for never. */
  archivedAt: Date | null;
  /** The time of the newest sealed entry of the audit log; null if there is none. */
  sealedThrough: Date | null;
  /** Whether newer entries wait to be sealed, which happens every minute. */
  sealIsDue: boolean;
}

/** A line of a chart. */
export interface Line {
  /** The plan, status or location, or `(others)`; of revenue, plan and currency (`PRO USD`); empty for the one line of another metric. */
  label: string;
  /** A number for each bucket. */
  values: number[];
}

/** A user with plan and number of clusters. */
export interface ListedUser {
  id: string;
  name: string | null;
  email: string | null;
  /** The URL of a picture. */
  image: string | null;
  role: Role;
  createdAt: Date;
  /** When the user was soft-deleted; null while the user is active. */
  deletedAt: Date | null;
  /** Null if the user is not a customer. */
  plan: Plan | null;
  activeClusters: number;
}

/** One page of a list. */
export interface ListedUserPage {
  /** At most `limit` items. */
  items: ListedUser[];
  /** The `cursor` of the next page; null on the last page. */
  nextCursor: string | null;
  /** The number of items of all pages. Only if the input asked for it, and where it can be counted quickly. */
  total?: Total | null | undefined;
}

/** What is counted. */
export type Metric =
  /** New users. */
  | "signUps"
  /** Clusters that are not deleted, at the end of each bucket, by plan. */
  | "clustersByPlan"
  /** The same by status. */
  | "clustersByStatus"
  /** The same by location: the 20 with the most, and the others together. */
  | "clustersByLocation"
  /** Audited mutations. */
  | "changes"
  /** Users who have made an audited mutation. */
  | "activeUsers"
  /** What paid invoices have brought, by plan and currency, in the smallest unit of the currency. */
  | "revenue"
  /** Events of Stripe that failed when they arrived, also if they were processed later. */
  | "webhookFailures";

/** The plan that a customer pays for. */
export interface MySubscription {
  plan: Plan;
  /** The end of the paid period; null on FREE. */
  endsAt: Date | null;
}

/** What a user is called. */
export interface NamedUser {
  id: string;
  /** Null if the user has none, and after a soft deletion. */
  name: string | null;
  /** When the user was soft-deleted; null while the user is active. */
  deletedAt: Date | null;
}

/** A new API token. */
export interface NewApiToken {
  id: number;
  /** The token itself, which is never shown again: null in the answer to a call that is repeated with its idempotency key. */
  token: string | null;
  scope: Scope;
  /** Null for never. */
  expiresAt: Date | null;
}

/** An OpenRPC document. */
export interface OpenRpcDocument {
  openrpc: string;
  info: Record<string, unknown>;
  methods: Record<string, unknown>[];
  components: Record<string, unknown>;
}

/** The order of a list. */
export type Order = "asc" | "desc";

export type Outcome =
  /** Its state was applied. */
  | "changed"
  /** Its state was known. */
  | "unchanged"
  /** Its state has no effect. */
  | "ignored"
  /** Stripe does not know it. What is stored stays. */
  | "gone"
  /** Its state could not be applied. */
  | "failed";

/** A subscription plan. */
export type Plan = "FREE" | "PRO" | "BUSINESS";

/** The calls of a procedure in all these minutes. */
export interface ProcedureTraffic {
  /** Its name, or `unknown` for names that no procedure has. */
  procedure: string;
  calls: number;
  errors: number;
  /** The milliseconds within which half of the calls were answered. */
  p50Ms: number | null;
  /** The milliseconds within which 99 of 100 were answered. */
  p99Ms: number | null;
}

/** Work that waits for a database thread. */
export interface Queue {
  reads: number;
  writes: number;
}

/** What came of one subscription. */
export interface ReconciledSubscription {
  /** Stripe's id. */
  id: string;
  outcome: Outcome;
  /** Why it was ignored or failed, or what somebody should look at. */
  detail: string | null;
}

/** What came of asking Stripe. */
export interface Reconciliation {
  /** Each subscription that Stripe or this server knows. Of those that Stripe does not list, it is asked for ten; the others fail. */
  subscriptions: ReconciledSubscription[];
}

/** The result of a replay. */
export interface Replayed {
  /** Whether the event has been processed. */
  success: boolean;
  /** Why the replay failed. */
  error: string | null;
}

/** The role of a user. */
export type Role = "USER" | "ADMIN";

/** A limit on what a token may do, in addition to its user's own rights. `service` is for programs, such as a provisioner, that read and change the clusters of all users. */
export type Scope = "read" | "write" | "service" | "admin";

/** Numbers over time. */
export interface Series {
  /** The begins of the buckets. */
  at: Date[];
  /** The lines of a chart. */
  lines: Line[];
}

/** A browser that is signed in to the explorer. */
export interface Session {
  id: number;
  userId: string;
  createdAt: Date;
  /** When it ends at the latest. It ends before, when it is not used for 12 hours. */
  expiresAt: Date;
  /** When it was last used, to ten minutes. */
  lastUsedAt: Date;
  /** The address from which it was last used. */
  lastUsedAddress: string | null;
  /** Whether this call was made with it. */
  current: boolean;
}

/** A page to open in the browser. */
export interface SessionCreated {
  /** Whether there is a `url`. */
  success: boolean;
  /** The Checkout or portal page. */
  url?: string | null | undefined;
}

/** Counts for a dashboard. */
export interface Stats {
  /** Users who are not deleted. */
  totalUsers: number;
  /** Clusters that are not deleted. */
  totalClusters: number;
  /** Customers with a running paid subscription. */
  activeSubscriptions: number;
  /** Audited mutations of the last 24 hours. */
  recentActivity: number;
}

/** The status of a cluster. */
export type Status = "PENDING" | "CREATING" | "INITING" | "RUNNING" | "STOPPED" | "DELETED";

/** The ids of the plan's Stripe prices; null where the plan is not sold. */
export interface StripeIds {
  monthly: string | null;
  yearly: string | null;
}

/** The newest known state of a Stripe subscription. */
export interface StripeSubscription {
  id: string;
  stripeCustomerId: string | null;
  /** Stripe's status, such as `active` or `past_due`; null if it is not known yet. */
  status: string | null;
  /** The plan of its price; null if the price is not configured. */
  plan: Plan | null;
  /** The billing interval of its price; null if the price is not configured. */
  interval: Interval | null;
  priceId: string | null;
  periodStart: Date | null;
  periodEnd: Date | null;
  /** Whether it ends with the current period. */
  cancelAtPeriodEnd: boolean;
  /** Start of the latest period for which an invoice was paid; null if none was. */
  paidFrom: Date | null;
  /** End of that period. */
  paidUntil: Date | null;
  /** The time of the event that reported this state. */
  reportedAt: Date | null;
}

/** `{"success": true}` */
export interface Success {
  /** Always true; a failure is an error. */
  success: true;
}

/** How many items a list has. */
export interface Total {
  /** The number of items that were counted. */
  count: number;
  /** Whether there are more than these. */
  more: boolean;
}

/** The calls that this server has answered lately. */
export interface TrafficOutput {
  /** The begins of the minutes; the last one is not over. */
  at: Date[];
  /** The calls that were answered in each minute. */
  calls: number[];
  /** How many of them were answered with an error. */
  errors: number[];
  /** The milliseconds within which half of them were answered; null in a minute without calls. */
  p50Ms: (number | null)[];
  /** The milliseconds within which 99 of 100 were answered. */
  p99Ms: (number | null)[];
  /** The procedures that were called, those with the most calls first. */
  procedures: ProcedureTraffic[];
}

/** A user. */
export interface User {
  id: string;
  name: string | null;
  email: string | null;
  /** The URL of a picture. */
  image: string | null;
  role: Role;
  createdAt: Date;
}

/** A user, live or soft-deleted, with everything that the server knows of their payments. */
export interface UserDetail {
  id: string;
  name: string | null;
  email: string | null;
  /** The URL of a picture. */
  image: string | null;
  role: Role;
  createdAt: Date;
  updatedAt: Date;
  /** When the user was soft-deleted; null while the user is active. */
  deletedAt: Date | null;
  /** Null if the user is not a customer. */
  customer: Customer | null;
  /** The highest plan that the user may use now. */
  allowance: Plan;
  /** Whether a paid subscription is running, the day of grace included. */
  isPaying: boolean;
  /** Whether the subscription that decides the plan ends with its period. */
  isCanceled: boolean;
  /** Every Stripe subscription of the user that is known. */
  subscriptions: StripeSubscription[];
  /** The active clusters, oldest first. */
  clusters: Cluster[];
  /** Whether the server's Stripe key is one for tests; null if there is none, or it does not say so. */
  stripeTestMode: boolean | null;
}

/** The description of the caller's plan, and the state of the subscription. */
export interface UserPlan {
  title: string;
  description: string;
  benefits: string[];
  limitations: string[];
  prices: Amounts;
  stripeIds: StripeIds;
  stripeCustomerId: string | null;
  stripeSubscriptionId: string | null;
  stripePriceId: string | null;
  /** The end of the paid period in milliseconds since 1970; 0 if none was paid. */
  stripeCurrentPeriodEnd: number;
  /** Whether the subscription is running: until one day after the end of the paid period. */
  isPaid: boolean;
  /** The billing interval; null without a running subscription, or if its price is no longer sold. */
  interval: Interval | null;
  /** Whether the subscription was cancelled and ends with the paid period. */
  isCanceled: boolean;
}

/** By what users are sorted. */
export type UserSort =
  /** The time of their first sign-in. */
  | "createdAt"
  /** The name, in lower case; the id of a user without one. */
  | "name";

/** A user with customer record and active clusters. */
export interface UserSummary {
  user: User;
  /** Null if the user is not a customer. */
  customer: Customer | null;
  /** The number of active clusters. */
  activeClusters: number;
  /** The active clusters, oldest first. */
  clusters: Cluster[];
  /** A digest of everything else in the summary. `user.delete` and `user.softDelete` check it. */
  confirmToken: string;
}

/** An event received from Stripe. */
export interface WebhookEvent {
  /** Stripe's id of the event. */
  id: string;
  /** The type of the event, such as `customer.subscription.updated`. */
  type: string;
  /** When Stripe created the event, by Stripe's clock. */
  createdAt: Date;
  /** When it first arrived here. */
  receivedAt: Date;
  /** When its effect was committed; null if that failed so far. */
  processedAt: Date | null;
  /** How often processing was attempted. */
  attempts: number;
  /**
   * Why the last attempt failed; with `processedAt`, why the event was ignored, or that the user pays for two
   * subscriptions.
   */
  error: string | null;
}

/** One page of a list. */
export interface WebhookEventPage {
  /** At most `limit` items. */
  items: WebhookEvent[];
  /** The `cursor` of the next page; null on the last page. */
  nextCursor: string | null;
  /** The number of items of all pages. Only if the input asked for it, and where it can be counted quickly. */
  total?: Total | null | undefined;
}

/** The issues of an input, as zod's `flatten` arranges them. */
export interface ZodError {
  /** Of the input as a whole. */
  formErrors: string[];
  fieldErrors: Record<string, string[]>;
}

/** What a `TRPCClientError` has as its `shape`. */
export interface ErrorShape {
  message: string;
  code: number;
  data: ErrorData & { zodError: ZodError | null };
}

/** An event of a subscription, and the id to resume after. */
export interface Tracked<Event> {
  id: string;
  data: Event;
}

/**
 * Headers of an HTTP request with one mutation. Sent again with the same key, it is made once and gets the first answer, which then has
 * the header `Idempotency-Replayed: true`.
 */
export interface IdempotentHeaders {
  "Idempotency-Key": string;
}

/** What a mutation's message on a WebSocket may have beside `method`, to the same effect. */
export interface IdempotentMessage {
  idempotencyKey?: string | undefined;
}

/** What the `result` of such a message has beside `data`. */
export interface IdempotentResult {
  /** Whether the answer was given before. */
  idempotencyReplayed?: true | undefined;
}

interface Root {
  ctx: object;
  meta: object;
  errorShape: ErrorShape;
  transformer: true;
}

interface Types<Input, Output> {
  meta: unknown;
  input: Input;
  output: Output;
  errorShape: ErrorShape;
}

type QueryOf<Input, Output> = TRPCQueryProcedure<Types<Input, Output>>;
type MutationOf<Input, Output> = TRPCMutationProcedure<Types<Input, Output>>;
type SubscriptionOf<Input, Event> = TRPCSubscriptionProcedure<Types<Input, AsyncIterable<Tracked<Event>>>>;

export type AppRouter = TRPCBuiltRouter<Root, {
  hello: {
    /** Returns a greeting. Call it to test the connection and the token. */
    hello: QueryOf<{
      /** The name to greet. */
      text: string;
    }, Greeting>;
  };
  auth: {
    /** The caller's plan and the end of the paid period, or null if the caller is not a customer. */
    mySubscription: QueryOf<void, MySubscription | null>;
  };
  k8s: {
    /** The caller's active clusters, oldest first. */
    list: QueryOf<void, Cluster[]>;
    /**
     * The caller's active clusters, oldest first.
     * @deprecated Use k8s.list.
     */
    getClusters: QueryOf<void, Cluster[]>;
    /** One of the caller's active clusters. */
    get: QueryOf<{
      id: number;
    }, Cluster>;
    /** Creates a cluster. A user may have one active cluster on each plan. */
    create: MutationOf<{
      /** Lower-case letters, digits and dashes. */
      name: string;
      /** Where it runs, such as `eu-central`. */
      location: string;
      /** FREE by default. */
      plan?: Plan | null | undefined;
      /** Ignored: clients of the old server send it, but the database assigns ids. */
      id?: number | null | undefined;
    }, ClusterCreated>;
    /**
     * Creates a cluster. A user may have one active cluster on each plan.
     * @deprecated Use k8s.create.
     */
    createCluster: MutationOf<{
      /** Lower-case letters, digits and dashes. */
      name: string;
      /** Where it runs, such as `eu-central`. */
      location: string;
      /** FREE by default. */
      plan?: Plan | null | undefined;
      /** Ignored: clients of the old server send it, but the database assigns ids. */
      id?: number | null | undefined;
    }, ClusterCreated>;
    /**
     * Changes the name or location of one of the caller's active clusters.
     * `name`, `location` or both must be given.
     */
    update: MutationOf<{
      id: number;
      /** Lower-case letters, digits and dashes, or the name that the cluster has already. */
      name?: string | null | undefined;
      /** Where it runs, such as `eu-central`. */
      location?: string | null | undefined;
    }, Success>;
    /**
     * Changes the name or location of one of the caller's active clusters.
     * @deprecated Use k8s.update.
     */
    updateCluster: MutationOf<{
      id: number;
      /** Lower-case letters, digits and dashes, or the name that the cluster has already. */
      name?: string | null | undefined;
      /** Where it runs, such as `eu-central`. */
      location?: string | null | undefined;
    }, Success>;
    /** Soft-deletes one of the caller's active clusters. */
    delete: MutationOf<{
      id: number;
    }, Success>;
    /**
     * Soft-deletes one of the caller's active clusters.
     * @deprecated Use k8s.delete.
     */
    deleteCluster: MutationOf<{
      id: number;
    }, Success>;
    /** Restores one of the caller's deleted clusters, unless another one is active on its plan. */
    restore: MutationOf<{
      id: number;
    }, Success>;
    /**
     * The caller's deleted clusters, newest deletion first.
     * Send the `nextCursor` of a page as `cursor` to get the next page.
     */
    listDeleted: QueryOf<{
      /** The `nextCursor` of the previous page. */
      cursor?: string | null | undefined;
      /** Items per page; 20 by default. */
      limit?: number | null | undefined;
    } | void, ClusterPage>;
    /** The numbers of the caller's active and deleted clusters. */
    count: QueryOf<void, ClusterCount>;
    /** Moves any user's active cluster to its next status. */
    setStatus: MutationOf<{
      id: number;
      /**
       * The new status. PENDING may become CREATING, CREATING may become INITING, INITING may become RUNNING, and
       * RUNNING and STOPPED may become each other.
       */
      status: Status;
    }, Success>;
    /**
     * Changes to the caller's clusters, as they happen. Admins can watch the clusters of all users.
     * Filters; all must match.
     */
    watch: SubscriptionOf<{
      /** The id of the last event received; delivery resumes after it. */
      lastEventId?: string | null | undefined;
      /** The owner. By default the caller or, for admins, every user; only admins may name another user. */
      userId?: string | null | undefined;
      clusterId?: number | null | undefined;
      plan?: Plan | null | undefined;
      /** The status after the change. */
      status?: Status | null | undefined;
    } | void, ClusterChange>;
  };
  customer: {
    /** The caller's customer record, or null if there is none. */
    get: QueryOf<{
      /** The caller's own id, which is the default. Another id is FORBIDDEN. */
      userId?: string | null | undefined;
    } | void, Customer | null>;
    /**
     * The caller's customer record, or null if there is none.
     * @deprecated Use customer.get.
     */
    queryCustomer: QueryOf<{
      /** The caller's own id, which is the default. Another id is FORBIDDEN. */
      userId?: string | null | undefined;
    } | void, Customer | null>;
    /** Creates the caller's customer record with the plan FREE. */
    create: MutationOf<{
      /** The caller's own id, which is the default. Another id is FORBIDDEN. */
      userId?: string | null | undefined;
    } | void, Success>;
    /**
     * Creates the caller's customer record with the plan FREE.
     * @deprecated Use customer.create.
     */
    insertCustomer: MutationOf<{
      /** The caller's own id, which is the default. Another id is FORBIDDEN. */
      userId?: string | null | undefined;
    } | void, Success>;
    /**
     * Changes the caller's name.
     * @deprecated Use user.updateName.
     */
    updateUserName: MutationOf<{
      /** The new name. */
      name: string;
      /** The caller's own id, which is the default. Another id is FORBIDDEN. */
      userId?: string | null | undefined;
    }, Success>;
  };
  user: {
    /** Changes the caller's name. */
    updateName: MutationOf<{
      /** The new name. */
      name: string;
      /** The caller's own id, which is the default. Another id is FORBIDDEN. */
      userId?: string | null | undefined;
    }, Success>;
    /** The caller's user record. */
    me: QueryOf<void, User>;
    /** A user with customer record and active clusters, all read at the same moment. */
    summary: QueryOf<{
      /** The caller by default; only admins may name another user. */
      userId?: string | null | undefined;
    } | void, UserSummary>;
    /** Deletes a user, also a soft-deleted one, and the customer record. The clusters are kept as deleted and without an owner. */
    delete: MutationOf<{
      /** The caller by default; only admins may name another user. */
      userId?: string | null | undefined;
      /** Whether to delete a user whose paid subscription is running; only for admins. */
      force?: boolean | null | undefined;
      /**
       * The token of the summary that the caller has confirmed. If the summary has changed since, the call is a CONFLICT with
       * the new one.
       */
      confirmToken?: string | null | undefined;
    } | void, Success>;
    /** Soft-deletes a user: erases the personal data and keeps the user, customer and cluster records. */
    softDelete: MutationOf<{
      /** The caller by default; only admins may name another user. */
      userId?: string | null | undefined;
      /** Whether to delete a user whose paid subscription is running; only for admins. */
      force?: boolean | null | undefined;
      /**
       * The token of the summary that the caller has confirmed. If the summary has changed since, the call is a CONFLICT with
       * the new one.
       */
      confirmToken?: string | null | undefined;
    } | void, Success>;
  };
  token: {
    /** Makes an API token. The answer has the token, which is never shown again. */
    create: MutationOf<{
      /** What the token is for. */
      name: string;
      /** At most that of the token of this call. `admin` only for a user who is an admin. */
      scope: Scope;
      /**
       * Days until it expires. By default it lives as long as the token of this call, and never expires if the call was made with
       * a JWT or a session; a token can't make one that lives longer.
       */
      expiresInDays?: number | null | undefined;
      /** The caller by default; only admins may name another user. */
      userId?: string | null | undefined;
    }, NewApiToken>;
    /** API tokens, newest first, also those that are expired or revoked. */
    list: QueryOf<{
      /** The caller by default; only admins may name another user. */
      userId?: string | null | undefined;
    } | void, ApiToken[]>;
    /** Revokes an API token. It stops working at once. */
    revoke: MutationOf<{
      /** The id of the token. */
      id: number;
      /** The caller by default; only admins may name another user. */
      userId?: string | null | undefined;
    }, Success>;
    /** Replaces an API token by a new one with the same name, scope and expiry. The old one stops working at once. */
    rotate: MutationOf<{
      /** The id of the token. */
      id: number;
      /** The caller by default; only admins may name another user. */
      userId?: string | null | undefined;
    }, NewApiToken>;
  };
  session: {
    /** The browsers that are signed in to the explorer, newest first. */
    list: QueryOf<{
      /** The caller by default; only admins may name another user. */
      userId?: string | null | undefined;
    } | void, Session[]>;
    /** Signs one browser out. */
    revoke: MutationOf<{
      /** The id of the session. */
      id: number;
      /** The caller by default; only admins may name another user. */
      userId?: string | null | undefined;
    }, Success>;
    /** Signs all browsers out, also that of this call, and makes links to sign in useless. */
    revokeAll: MutationOf<{
      /** The caller by default; only admins may name another user. */
      userId?: string | null | undefined;
    } | void, Success>;
  };
  admin: {
    /** The numbers of users, clusters, paid subscriptions and recent changes. */
    getStats: QueryOf<void, Stats>;
    /** Numbers over time, for charts: users, clusters, changes, revenue and failed events. */
    series: QueryOf<{
      metric: Metric;
      /** The first bucket contains this time, which is at most 400 days before `to`, for changes 31, and for revenue five years. */
      from: Date;
      /** The last bucket begins before this time; by default now, and at most that. */
      to?: Date | null | undefined;
      /** The width of a bucket; by default a month for revenue, and else a day. */
      bucket?: Bucket | null | undefined;
    }, Series>;
    /** The calls that this server has answered in the last hour. */
    traffic: QueryOf<{
      /** The canonical or old name of the procedure that the lines are of, or `unknown`; by default they are of all calls. */
      procedure?: string | null | undefined;
      /** How many minutes, the current one included; 60 by default. */
      minutes?: number | null | undefined;
    } | void, TrafficOutput>;
    /**
     * All users, by default newest first.
     * Send the `nextCursor` of a page as `cursor` to get the next page.
     */
    listUsers: QueryOf<{
      /** The `nextCursor` of the previous page. */
      cursor?: string | null | undefined;
      /** Items per page; 20 by default. */
      limit?: number | null | undefined;
      /** The order of the items; `desc` by default. A cursor fits only the order that it was made in. */
      order?: Order | null | undefined;
      /** Whether to count the items of all pages; false by default. */
      total?: boolean | null | undefined;
      /** By what the users are sorted; by default the time of their first sign-in. */
      sort?: UserSort | null | undefined;
      /** A part of the id, name or email; upper and lower case are not distinguished. */
      search?: string | null | undefined;
      role?: Role | null | undefined;
      /** Whether to list deleted users too; false by default. */
      includeDeleted?: boolean | null | undefined;
    } | void, ListedUserPage>;
    /** A user, live or soft-deleted, with customer record, Stripe subscriptions and active clusters. */
    getUser: QueryOf<{
      userId: string;
    }, UserDetail>;
    /** The names of users, of those that exist. */
    names: QueryOf<{
      /** Ids of users, in any order. */
      userIds: string[];
    }, NamedUser[]>;
    /**
     * The clusters of all users, by default newest first.
     * Send the `nextCursor` of a page as `cursor` to get the next page.
     */
    listClusters: QueryOf<{
      /** The `nextCursor` of the previous page. */
      cursor?: string | null | undefined;
      /** Items per page; 20 by default. */
      limit?: number | null | undefined;
      /** The order of the items; `desc` by default. A cursor fits only the order that it was made in. */
      order?: Order | null | undefined;
      /** Whether to count the items of all pages; false by default. */
      total?: boolean | null | undefined;
      status?: Status | null | undefined;
      plan?: Plan | null | undefined;
      /** The id of the owner. */
      userId?: string | null | undefined;
      /** Whether to list deleted clusters too; false by default. */
      includeDeleted?: boolean | null | undefined;
    } | void, ClusterPage>;
    /** Any user's cluster, live or deleted, and its owner. */
    getCluster: QueryOf<{
      id: number;
    }, ClusterDetail>;
    /**
     * What has happened to a cluster, newest first, as far as it was not removed by age.
     * Send the `nextCursor` of a page as `cursor` to get the next page.
     */
    clusterEvents: QueryOf<{
      id: number;
      /** The `nextCursor` of the previous page. */
      cursor?: string | null | undefined;
      /** Items per page; 20 by default. */
      limit?: number | null | undefined;
    }, ClusterEventPage>;
    /** Changes a user's role. The last admin cannot be demoted. */
    setRole: MutationOf<{
      userId: string;
      role: Role;
    }, Success>;
    /** Soft-deletes any user's active cluster. */
    deleteCluster: MutationOf<{
      id: number;
    }, Success>;
    /** Restores any user's deleted cluster, unless another one of theirs is active on its plan. */
    restoreCluster: MutationOf<{
      id: number;
    }, Success>;
    /**
     * The audit log, by default newest entry first.
     * Filters; all must match.
     */
    auditLog: QueryOf<{
      /** The `nextCursor` of the previous page. */
      cursor?: string | null | undefined;
      /** Items per page; 20 by default. */
      limit?: number | null | undefined;
      /** The order of the items; `desc` by default. A cursor fits only the order that it was made in. */
      order?: Order | null | undefined;
      /** Whether to count the items of all pages; false by default. */
      total?: boolean | null | undefined;
      /** The user who made the change, or `cli`, `bootstrap`, `stripe` or `server`. */
      actorId?: string | null | undefined;
      /** The procedure's canonical name. */
      procedure?: string | null | undefined;
      /** The kind of object that was changed, such as `cluster`. */
      entity?: string | null | undefined;
      /** The id of the changed object. */
      entityId?: string | null | undefined;
      /** Entries written at or after this time. */
      since?: Date | null | undefined;
      /** Entries written before this time. */
      until?: Date | null | undefined;
    } | void, AuditEntryPage>;
    /**
     * New entries of the audit log, as they are written.
     * Filters; all must match.
     */
    watchAudit: SubscriptionOf<{
      /** The id of the last event received; delivery resumes after it. */
      lastEventId?: string | null | undefined;
      /** The user who made the change, or `cli`, `bootstrap`, `stripe` or `server`. */
      actorId?: string | null | undefined;
      /** The procedure's canonical name. */
      procedure?: string | null | undefined;
      /** The kind of object that was changed, such as `cluster`. */
      entity?: string | null | undefined;
      /** The id of the changed object. */
      entityId?: string | null | undefined;
    } | void, AuditChange>;
    /**
     * The events received from Stripe, by default newest first.
     * Send the `nextCursor` of a page as `cursor` to get the next page.
     */
    webhookEvents: QueryOf<{
      /** The `nextCursor` of the previous page. */
      cursor?: string | null | undefined;
      /** Items per page; 20 by default. */
      limit?: number | null | undefined;
      /** The order of the items; `desc` by default. A cursor fits only the order that it was made in. */
      order?: Order | null | undefined;
      /** Whether to count the items of all pages; false by default. */
      total?: boolean | null | undefined;
      /** Whether to list only events that failed and can be replayed; false by default. */
      failed?: boolean | null | undefined;
    } | void, WebhookEventPage>;
    /** Processes a Stripe event again that failed before. */
    replayWebhook: MutationOf<{
      /** Stripe's id of the event. */
      eventId: string;
    }, Replayed>;
    /** Asks Stripe for the subscriptions of a user, and applies what it says. */
    reconcileUser: MutationOf<{
      userId: string;
    }, Reconciliation>;
    /** How the server is doing: database, queue, replica, backups, jobs, and what it checks. */
    health: QueryOf<void, Health>;
  };
  stripe: {
    /** Returns the URL of a page to buy a subscription or, with one that is not over, to change, pay or cancel it. */
    createSession: MutationOf<{
      /** The id of a Stripe price that the server sells, such as one of `stripeIds` in `stripe.userPlans`. */
      planId: string;
    }, SessionCreated>;
    /** The caller's plan and subscription, or null if the caller is not a customer. */
    userPlans: QueryOf<void, UserPlan | null>;
  };
  rpc: {
    /** The OpenRPC document of this server. */
    discover: QueryOf<void, OpenRpcDocument>;
  };
}>;

/** The inputs of all procedures: `RouterInputs["k8s"]["create"]`. */
export type RouterInputs = inferRouterInputs<AppRouter>;

/** The outputs of all procedures. */
export type RouterOutputs = inferRouterOutputs<AppRouter>;
