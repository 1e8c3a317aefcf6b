// x-content-hash: 98d4907d6ebc73c1bfd306d90177d0ef439c9b395a1f638f123b53e1d9f790e4
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

/** A new entry, or the state of the subscription. */
export type AuditChange =
  /** The first event, unless `lastEventId` was given. A client that reads the log after this event misses no entry. */
  | {
    /** The position after which delivery continues. */
    id: string;
    type: "ready";
  }
  /** An entry was written. */
  | {
    /** The entry. */
    entry: AuditEntry;
    /** A decimal number that increases from event to event. */
    id: string;
    type: "recorded";
  }
  /** The client was too slow and the server switches to reading the event log. No event is skipped. */
  | {
    /** The position after which delivery continues. */
    id: string;
    type: "lagged";
  };

/** An entry of the audit log: a change and who made it. */
export interface AuditEntry {
  /** The user who made the change, or `cli`, `bootstrap` or `stripe`. */
  actorId: string;
  /** The time of the change. */
  createdAt: Date;
  /** What changed; the shape depends on the procedure. */
  detail: unknown;
  /** The kind of object that was changed, such as `cluster`. */
  entity: string;
  /** The id of the changed object. */
  entityId: string;
  id: number;
  /** The procedure's canonical name. */
  procedure: string;
  /** The id of the request that made the change. */
  requestId: string;
}

/** One page of a list. */
export interface AuditEntryPage {
  /** At most `limit` items. */
  items: AuditEntry[];
  /** The `cursor` of the next page; null on the last page. */
  nextCursor: string | null;
}

/** The configuration of a Kubernetes cluster. */
export interface Cluster {
  /** The id of the owner; null after the owner was deleted. */
  authUserId: string | null;
  createdAt: Date;
  /** When it was deleted; null while it is active. */
  deletedAt: Date | null;
  id: number;
  /** Where it runs, such as `eu-central`. */
  location: string;
  name: string;
  /** `Default` unless the cluster was imported with another. */
  network: string;
  plan: Plan;
  status: Status;
  updatedAt: Date;
}

/** A change to a cluster, or the state of the subscription. */
export type ClusterChange =
  /** The first event, unless `lastEventId` was given. A client that reads its list after this event misses no change. */
  | {
    /** The position after which delivery continues. */
    id: string;
    type: "ready";
  }
  /** The cluster was created. */
  | {
    /** The time of the change. */
    at: Date;
    /** The cluster after the change. */
    cluster: Cluster;
    /** A decimal number that increases from event to event. */
    id: string;
    type: "created";
  }
  /** Its name or location changed. */
  | {
    /** The time of the change. */
    at: Date;
    /** The cluster after the change. */
    cluster: Cluster;
    /** A decimal number that increases from event to event. */
    id: string;
    type: "updated";
  }
  /** Its status changed. */
  | {
    /** The time of the change. */
    at: Date;
    /** The cluster after the change. */
    cluster: Cluster;
    /** A decimal number that increases from event to event. */
    id: string;
    type: "statusChanged";
  }
  /** The cluster was deleted. */
  | {
    /** The time of the change. */
    at: Date;
    /** The cluster after the change. */
    cluster: Cluster;
    /** A decimal number that increases from event to event. */
    id: string;
    type: "deleted";
  }
  /** The cluster was restored. */
  | {
    /** The time of the change. */
    at: Date;
    /** The cluster after the change. */
    cluster: Cluster;
    /** A decimal number that increases from event to event. */
    id: string;
    type: "restored";
  }
  /** The client was too slow and the server switches to reading the event log. No event is skipped. */
  | {
    /** The position after which delivery continues. */
    id: string;
    type: "lagged";
  };

/** The numbers of a user's clusters. */
export interface ClusterCount {
  active: number;
  deleted: number;
}

/** The cluster that was created. */
export interface ClusterCreated {
  clusterName: string;
  id: number;
  location: string;
  plan: Plan;
  /** Always true; a failure is an error. */
  success: true;
}

/** One page of a list. */
export interface ClusterPage {
  /** At most `limit` items. */
  items: Cluster[];
  /** The `cursor` of the next page; null on the last page. */
  nextCursor: string | null;
}

/** A user's customer record: the plan and the Stripe ids. */
export interface Customer {
  /** The id of the user. */
  authUserId: string;
  createdAt: Date;
  id: number;
  name: string | null;
  plan: Plan;
  /** The end of the paid period; null on FREE. */
  stripeCurrentPeriodEnd: Date | null;
  stripeCustomerId: string | null;
  stripePriceId: string | null;
  stripeSubscriptionId: string | null;
  updatedAt: Date;
}

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
  /** A UUID, also in the server's log. */
  requestId: string;
  /** With CONFLICT: the id of the existing resource. */
  conflictingId?: number | undefined;
  /** With BAD_REQUEST: every issue of the input. */
  issues?: Issue[] | undefined;
  /** With SERVICE_UNAVAILABLE: the write may or may not have been made. Without this, nothing was written. */
  outcome?: "unknown" | undefined;
  /** The procedure, where one was named. */
  path?: string | undefined;
  /** When a retry makes sense, in milliseconds from now. */
  retryAfterMs?: number | undefined;
}

/** A greeting. */
export interface Greeting {
  /** `hello ` and the text, escaped for HTML. */
  greeting: string;
}

/** How often a price is paid. */
export type Interval =
  /** By the month. */
  | "month"
  /** By the year. */
  | "year";

/** One thing that is wrong with an input. */
export interface Issue {
  /**
   * For programs: `required`, `unknown_field`, `invalid_type`, `invalid_value`, `invalid_format`, `too_short`,
   * `too_long`, `too_small`, `too_big`, `duplicate_field`, `too_many_issues`.
   */
  code: string;
  /** For people: what follows the path in a sentence, such as "must not be empty". */
  message: string;
  /** Property names and array indices joined by dots; empty for the input as a whole. */
  path: string;
}

/** A user with plan and number of clusters. */
export interface ListedUser {
  activeClusters: number;
  createdAt: Date;
  /** When the user was soft-deleted; null while the user is active. */
  deletedAt: Date | null;
  email: string | null;
  id: string;
  /** The URL of a picture. */
  image: string | null;
  name: string | null;
  /** Null if the user is not a customer. */
  plan: Plan | null;
  role: Role;
}

/** One page of a list. */
export interface ListedUserPage {
  /** At most `limit` items. */
  items: ListedUser[];
  /** The `cursor` of the next page; null on the last page. */
  nextCursor: string | null;
}

/** The plan that a customer pays for. */
export interface MySubscription {
  /** The end of the paid period; null on FREE. */
  endsAt: Date | null;
  plan: Plan;
}

/** An OpenRPC document. */
export interface OpenRpcDocument {
  components: Record<string, unknown>;
  info: Record<string, unknown>;
  methods: Record<string, unknown>[];
  openrpc: string;
}

/** A subscription plan. */
export type Plan = "FREE" | "PRO" | "BUSINESS";

/** The result of a replay. */
export interface Replayed {
  /** Why the replay failed. */
  error: string | null;
  /** Whether the event has been processed. */
  success: boolean;
}

/** The role of a user. */
export type Role = "USER" | "ADMIN";

/** A page to open in the browser. */
export interface SessionCreated {
  /** Whether there is a `url`. */
  success: boolean;
  /** The Checkout or portal page. */
  url?: string | null | undefined;
}

/** Counts for a dashboard. */
export interface Stats {
  /** Customers with a running paid subscription. */
  activeSubscriptions: number;
  /** Audited mutations of the last 24 hours. */
  recentActivity: number;
  /** Clusters that are not deleted. */
  totalClusters: number;
  /** Users who are not deleted. */
  totalUsers: number;
}

/** The status of a cluster. */
export type Status = "PENDING" | "CREATING" | "INITING" | "RUNNING" | "STOPPED" | "DELETED";

/** The ids of the plan's Stripe prices; null where the plan is not sold. */
export interface StripeIds {
  monthly: string | null;
  yearly: string | null;
}

/** `{"success": true}` */
export interface Success {
  /** Always true; a failure is an error. */
  success: true;
}

/** A user. */
export interface User {
  createdAt: Date;
  email: string | null;
  id: string;
  /** The URL of a picture. */
  image: string | null;
  name: string | null;
  role: Role;
}

/** The description of the caller's plan, and the state of the subscription. */
export interface UserPlan {
  benefits: string[];
  description: string;
  /** The billing interval; null without a running subscription, or if its price is no longer sold. */
  interval: Interval | null;
  /** Whether the subscription was cancelled and ends with the paid period. */
  isCanceled: boolean;
  /** Whether the subscription is running: until one day after the end of the paid period. */
  isPaid: boolean;
  limitations: string[];
  prices: Amounts;
  /** The end of the paid period in milliseconds since 1970; 0 if none was paid. */
  stripeCurrentPeriodEnd: number;
  stripeCustomerId: string | null;
  stripeIds: StripeIds;
  stripePriceId: string | null;
  stripeSubscriptionId: string | null;
  title: string;
}

/** A user with customer record and active clusters. */
export interface UserSummary {
  /** The number of active clusters. */
  activeClusters: number;
  /** The active clusters, oldest first. */
  clusters: Cluster[];
  /** Null if the user is not a customer. */
  customer: Customer | null;
  user: User;
}

/** An event received from Stripe. */
export interface WebhookEvent {
  /** How often processing was attempted. */
  attempts: number;
  /** When Stripe created the event, by Stripe's clock. */
  createdAt: Date;
  /** Why the last attempt failed; with `processedAt`, why the event was ignored. */
  error: string | null;
  /** Stripe's id of the event. */
  id: string;
  /** When its effect was committed; null if that failed so far. */
  processedAt: Date | null;
  /** When it first arrived here. */
  receivedAt: Date;
  /** The type of the event, such as `customer.subscription.updated`. */
  type: string;
}

/** One page of a list. */
export interface WebhookEventPage {
  /** At most `limit` items. */
  items: WebhookEvent[];
  /** The `cursor` of the next page; null on the last page. */
  nextCursor: string | null;
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
      /** Where it runs, such as `eu-central`. */
      location: string;
      /** Lower-case letters, digits and dashes. */
      name: string;
      /** Ignored: clients of the old server send it, but the database assigns ids. */
      id?: number | null | undefined;
      /** FREE by default. */
      plan?: Plan | null | undefined;
    }, ClusterCreated>;
    /**
     * Creates a cluster. A user may have one active cluster on each plan.
     * @deprecated Use k8s.create.
     */
    createCluster: MutationOf<{
      /** Where it runs, such as `eu-central`. */
      location: string;
      /** Lower-case letters, digits and dashes. */
      name: string;
      /** Ignored: clients of the old server send it, but the database assigns ids. */
      id?: number | null | undefined;
      /** FREE by default. */
      plan?: Plan | null | undefined;
    }, ClusterCreated>;
    /**
     * Changes the name or location of one of the caller's active clusters.
     * `name`, `location` or both must be given.
     */
    update: MutationOf<{
      id: number;
      /** Where it runs, such as `eu-central`. */
      location?: string | null | undefined;
      /** Lower-case letters, digits and dashes, or the name that the cluster has already. */
      name?: string | null | undefined;
    }, Success>;
    /**
     * Changes the name or location of one of the caller's active clusters.
     * @deprecated Use k8s.update.
     */
    updateCluster: MutationOf<{
      id: number;
      /** Where it runs, such as `eu-central`. */
      location?: string | null | undefined;
      /** Lower-case letters, digits and dashes, or the name that the cluster has already. */
      name?: string | null | undefined;
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
      clusterId?: number | null | undefined;
      /** The id of the last event received; delivery resumes after it. */
      lastEventId?: string | null | undefined;
      plan?: Plan | null | undefined;
      /** The status after the change. */
      status?: Status | null | undefined;
      /** The owner. By default the caller or, for admins, every user; only admins may name another user. */
      userId?: string | null | undefined;
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
    /** Deletes a user and the customer record. The clusters are kept as deleted and without an owner. */
    delete: MutationOf<{
      /** Whether to delete a user whose paid subscription is running; only for admins. */
      force?: boolean | null | undefined;
      /** The caller by default; only admins may name another user. */
      userId?: string | null | undefined;
    } | void, Success>;
    /** Soft-deletes a user: erases the personal data and keeps the user, customer and cluster records. */
    softDelete: MutationOf<{
      /** Whether to delete a user whose paid subscription is running; only for admins. */
      force?: boolean | null | undefined;
      /** The caller by default; only admins may name another user. */
      userId?: string | null | undefined;
    } | void, Success>;
  };
  admin: {
    /** The numbers of users, clusters, paid subscriptions and recent changes. */
    getStats: QueryOf<void, Stats>;
    /**
     * All users, newest first.
     * Send the `nextCursor` of a page as `cursor` to get the next page.
     */
    listUsers: QueryOf<{
      /** The `nextCursor` of the previous page. */
      cursor?: string | null | undefined;
      /** Whether to list deleted users too; false by default. */
      includeDeleted?: boolean | null | undefined;
      /** Items per page; 20 by default. */
      limit?: number | null | undefined;
      /** A part of the id, name or email; upper and lower case are not distinguished. */
      search?: string | null | undefined;
    } | void, ListedUserPage>;
    /**
     * The clusters of all users, newest first.
     * Send the `nextCursor` of a page as `cursor` to get the next page.
     */
    listClusters: QueryOf<{
      /** The `nextCursor` of the previous page. */
      cursor?: string | null | undefined;
      /** Whether to list deleted clusters too; false by default. */
      includeDeleted?: boolean | null | undefined;
      /** Items per page; 20 by default. */
      limit?: number | null | undefined;
      plan?: Plan | null | undefined;
      status?: Status | null | undefined;
      /** The id of the owner. */
      userId?: string | null | undefined;
    } | void, ClusterPage>;
    /** Changes a user's role. The last admin cannot be demoted. */
    setRole: MutationOf<{
      role: Role;
      userId: string;
    }, Success>;
    /**
     * The audit log, newest entry first.
     * Filters; all must match.
     */
    auditLog: QueryOf<{
      /** The user who made the change, or `cli`, `bootstrap` or `stripe`. */
      actorId?: string | null | undefined;
      /** The `nextCursor` of the previous page. */
      cursor?: string | null | undefined;
      /** The kind of object that was changed, such as `cluster`. */
      entity?: string | null | undefined;
      /** The id of the changed object. */
      entityId?: string | null | undefined;
      /** Items per page; 20 by default. */
      limit?: number | null | undefined;
      /** The procedure's canonical name. */
      procedure?: string | null | undefined;
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
      /** The user who made the change, or `cli`, `bootstrap` or `stripe`. */
      actorId?: string | null | undefined;
      /** The kind of object that was changed, such as `cluster`. */
      entity?: string | null | undefined;
      /** The id of the changed object. */
      entityId?: string | null | undefined;
      /** The id of the last event received; delivery resumes after it. */
      lastEventId?: string | null | undefined;
      /** The procedure's canonical name. */
      procedure?: string | null | undefined;
    } | void, AuditChange>;
    /**
     * The events received from Stripe, newest first.
     * Send the `nextCursor` of a page as `cursor` to get the next page.
     */
    webhookEvents: QueryOf<{
      /** The `nextCursor` of the previous page. */
      cursor?: string | null | undefined;
      /** Whether to list only events that failed and can be replayed; false by default. */
      failed?: boolean | null | undefined;
      /** Items per page; 20 by default. */
      limit?: number | null | undefined;
    } | void, WebhookEventPage>;
    /** Processes a Stripe event again that failed before. */
    replayWebhook: MutationOf<{
      /** Stripe's id of the event. */
      eventId: string;
    }, Replayed>;
  };
  stripe: {
    /** Returns the URL of a page to buy a subscription or, with a running one, to change or cancel it. */
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
