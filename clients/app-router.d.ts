// x-content-hash: 9ccb3e4401f62b177a57fa4d0046bcd496246abf7007fa353178315c0dff4839
// The procedures of clusterdesk 0.1.0, generated from its registry. Do not edit.

import type {
  TRPCBuiltRouter,
  TRPCMutationProcedure,
  TRPCQueryProcedure,
  TRPCSubscriptionProcedure,
} from "@trpc/server";

/** Amounts as they are shown, in whole units of the currency. What is charged is Stripe's price. */
export interface Amounts {
  monthly: number;
  yearly: number;
}

/** A change, or news about the subscription. */
export type AuditChange =
  /** The first event, unless `lastEventId` was given. A client that reads the log after it misses nothing. */
  | {
    /** The position to resume after. */
    id: string;
    type: "ready";
  }
  /** An entry was written. */
  | {
    /** The entry. */
    entry: AuditEntry;
    /** A decimal number, greater than that of every earlier event. */
    id: string;
    type: "recorded";
  }
  /** The client was too slow. What it missed after this position follows. */
  | {
    /** The position. */
    id: string;
    type: "lagged";
  };

/** One change, and who made it. */
export interface AuditEntry {
  /** The user, or `cli`, `bootstrap`, `stripe`. */
  actorId: string;
  /** When. */
  createdAt: Date;
  /** What changed, in a shape that depends on the procedure. */
  detail: unknown;
  /** What kind of thing was changed, such as `cluster`. */
  entity: string;
  /** Its id. */
  entityId: string;
  id: number;
  /** Its canonical name. */
  procedure: string;
  /** The request that made the change. */
  requestId: string;
}

/** One page of a list. */
export interface AuditEntryPage {
  items: AuditEntry[];
  /** Send it as `cursor` to get the next page; null on the last one. */
  nextCursor: string | null;
}

/** A Kubernetes cluster's configuration. */
export interface Cluster {
  /** The owner; null for the history of a user who is gone. */
  authUserId: string | null;
  createdAt: Date;
  /** Null while the cluster is active. */
  deletedAt: Date | null;
  id: number;
  location: string;
  name: string;
  network: string;
  plan: Plan;
  status: Status;
  updatedAt: Date;
}

/** What happened to a cluster, or to the subscription. */
export type ClusterChange =
  /** The first event, unless `lastEventId` was given. A client that reads its list after it misses nothing. */
  | {
    /** The position to resume after. */
    id: string;
    type: "ready";
  }
  /** It was created. */
  | {
    /** When it happened. */
    at: Date;
    /** The cluster after the change. */
    cluster: Cluster;
    /** A decimal number, greater than that of every earlier event. */
    id: string;
    type: "created";
  }
  /** Its name or location changed. */
  | {
    /** When it happened. */
    at: Date;
    /** The cluster after the change. */
    cluster: Cluster;
    /** A decimal number, greater than that of every earlier event. */
    id: string;
    type: "updated";
  }
  /** Its status changed. */
  | {
    /** When it happened. */
    at: Date;
    /** The cluster after the change. */
    cluster: Cluster;
    /** A decimal number, greater than that of every earlier event. */
    id: string;
    type: "statusChanged";
  }
  /** It was deleted. */
  | {
    /** When it happened. */
    at: Date;
    /** The cluster after the change. */
    cluster: Cluster;
    /** A decimal number, greater than that of every earlier event. */
    id: string;
    type: "deleted";
  }
  /** It was restored. */
  | {
    /** When it happened. */
    at: Date;
    /** The cluster after the change. */
    cluster: Cluster;
    /** A decimal number, greater than that of every earlier event. */
    id: string;
    type: "restored";
  }
  /** The client was too slow. What it missed after this position follows. */
  | {
    /** The position. */
    id: string;
    type: "lagged";
  };

/** How many clusters a user has. */
export interface ClusterCount {
  active: number;
  deleted: number;
}

/** A cluster that was just created. */
export interface ClusterCreated {
  clusterName: string;
  id: number;
  location: string;
  plan: Plan;
  /** A failure is an error. */
  success: true;
}

/** One page of a list. */
export interface ClusterPage {
  items: Cluster[];
  /** Send it as `cursor` to get the next page; null on the last one. */
  nextCursor: string | null;
}

/** A user's billing record. */
export interface Customer {
  /** Whose it is. */
  authUserId: string;
  createdAt: Date;
  id: number;
  name: string | null;
  plan: Plan;
  /** When the paid period ends; null on FREE. */
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
  /** The procedure, where one was named. */
  path?: string | undefined;
  /** When a retry makes sense, in milliseconds from now. */
  retryAfterMs?: number | undefined;
}

export interface Greeting {
  /** "hello " and the text, safe to put into HTML. */
  greeting: string;
}

/** How often a price is paid. */
export type Interval = "month" | "year";

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

/** A user in the list of an admin. */
export interface ListedUser {
  activeClusters: number;
  createdAt: Date;
  deletedAt: Date | null;
  email: string | null;
  id: string;
  /** The URL of a picture. */
  image: string | null;
  name: string | null;
  /** Null for who is no customer. */
  plan: Plan | null;
  role: Role;
}

/** One page of a list. */
export interface ListedUserPage {
  items: ListedUser[];
  /** Send it as `cursor` to get the next page; null on the last one. */
  nextCursor: string | null;
}

/** What a customer pays for. */
export interface MySubscription {
  /** When the paid period ends; null on FREE. */
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

/** A subscription plan, from the cheapest. */
export type Plan = "FREE" | "PRO" | "BUSINESS";

/** How another try ended. */
export interface Replayed {
  /** What is still in the way. */
  error: string | null;
  success: boolean;
}

/** What a user may do. */
export type Role = "USER" | "ADMIN";

/** Where to send the browser. */
export interface SessionCreated {
  /** Whether there is somewhere to go. */
  success: boolean;
  url?: string | null | undefined;
}

/** The server in numbers. */
export interface Stats {
  /** Customers whose paid subscription is running. */
  activeSubscriptions: number;
  /** Audited mutations of the last 24 hours. */
  recentActivity: number;
  /** Clusters that are not deleted. */
  totalClusters: number;
  /** Users who are not deleted. */
  totalUsers: number;
}

/** Where a cluster is in its life. */
export type Status = "PENDING" | "CREATING" | "INITING" | "RUNNING" | "STOPPED" | "DELETED";

/** The plan's prices, where it is for sale. */
export interface StripeIds {
  monthly: string | null;
  yearly: string | null;
}

/** `{"success": true}` */
export interface Success {
  /** A failure is an error. */
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

/** The card of the caller's plan, and what they have of it. */
export interface UserPlan {
  benefits: string[];
  description: string;
  /** Null when nothing is paid, or by a price that is not for sale any more. */
  interval: Interval | null;
  /** Whether the subscription ends with its period. */
  isCanceled: boolean;
  /** Until a day after the period's end. */
  isPaid: boolean;
  limitations: string[];
  prices: Amounts;
  /** Milliseconds since 1970; null when no period is paid. */
  stripeCurrentPeriodEnd: number | null;
  stripeCustomerId: string | null;
  stripeIds: StripeIds;
  stripePriceId: string | null;
  stripeSubscriptionId: string | null;
  title: string;
}

/** A user with everything that is theirs. */
export interface UserSummary {
  activeClusters: number;
  /** The active ones, oldest first. */
  clusters: Cluster[];
  /** Null for who is no customer. */
  customer: Customer | null;
  user: User;
}

/** An event that Stripe has sent. */
export interface WebhookEvent {
  attempts: number;
  /** Stripe's clock. */
  createdAt: Date;
  error: string | null;
  id: string;
  /** Null while an error keeps it from having its effect. */
  processedAt: Date | null;
  receivedAt: Date;
  /** Such as `customer.subscription.updated`. */
  type: string;
}

/** One page of a list. */
export interface WebhookEventPage {
  items: WebhookEvent[];
  /** Send it as `cursor` to get the next page; null on the last one. */
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
    /** Greets, to prove that the line works. */
    hello: QueryOf<{
      /** Whom to greet. */
      text: string;
    }, Greeting>;
  };
  auth: {
    /** The caller's plan, or null when they are no customer. */
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
    /** Puts a new cluster into the plan's free slot. */
    create: MutationOf<{
      /** Where it runs, such as eu-central. */
      location: string;
      /** Lower-case letters, digits and dashes. */
      name: string;
      /** The old frontend sends one; the database decides. */
      id?: number | null | undefined;
      /** FREE when not said. */
      plan?: Plan | null | undefined;
    }, ClusterCreated>;
    /**
     * Puts a new cluster into the plan's free slot.
     * @deprecated Use k8s.create.
     */
    createCluster: MutationOf<{
      /** Where it runs, such as eu-central. */
      location: string;
      /** Lower-case letters, digits and dashes. */
      name: string;
      /** The old frontend sends one; the database decides. */
      id?: number | null | undefined;
      /** FREE when not said. */
      plan?: Plan | null | undefined;
    }, ClusterCreated>;
    /**
     * Renames or moves one of the caller's active clusters.
     * At least one of `name` and `location`.
     */
    update: MutationOf<{
      id: number;
      /** Where it runs, such as eu-central. */
      location?: string | null | undefined;
      /** Lower-case letters, digits and dashes. */
      name?: string | null | undefined;
    }, Success>;
    /**
     * Renames or moves one of the caller's active clusters.
     * @deprecated Use k8s.update.
     */
    updateCluster: MutationOf<{
      id: number;
      /** Where it runs, such as eu-central. */
      location?: string | null | undefined;
      /** Lower-case letters, digits and dashes. */
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
    /** Brings one of the caller's deleted clusters back into its plan's slot. */
    restore: MutationOf<{
      id: number;
    }, Success>;
    /**
     * The caller's deleted clusters, newest deletion first.
     * The fields of every paged list.
     */
    listDeleted: QueryOf<{
      /** The `nextCursor` of the previous page. */
      cursor?: string | null | undefined;
      /** Items per page; 20 by default. */
      limit?: number | null | undefined;
    } | void, ClusterPage>;
    /** How many clusters the caller has, active and deleted. */
    count: QueryOf<void, ClusterCount>;
    /** Takes any active cluster one step through its life. */
    setStatus: MutationOf<{
      id: number;
      /** The next step of its life. */
      status: Status;
    }, Success>;
    /**
     * What happens to the caller's clusters, or to everybody's for an admin, as it happens.
     * Filters; all must match.
     */
    watch: SubscriptionOf<{
      clusterId?: number | null | undefined;
      /** The id of the last event that was seen; delivery resumes after it. */
      lastEventId?: string | null | undefined;
      plan?: Plan | null | undefined;
      /** The status after the change. */
      status?: Status | null | undefined;
      /** Whose clusters: for admins anybody's, and everybody's when left out. */
      userId?: string | null | undefined;
    } | void, ClusterChange>;
  };
  customer: {
    /** The caller's customer record, or null. */
    get: QueryOf<{
      /** The caller's own id. */
      userId?: string | null | undefined;
    } | void, Customer | null>;
    /**
     * The caller's customer record, or null.
     * @deprecated Use customer.get.
     */
    queryCustomer: QueryOf<{
      /** The caller's own id. */
      userId?: string | null | undefined;
    } | void, Customer | null>;
    /** Makes the caller a customer on FREE. */
    create: MutationOf<{
      /** The caller's own id. */
      userId?: string | null | undefined;
    } | void, Success>;
    /**
     * Makes the caller a customer on FREE.
     * @deprecated Use customer.create.
     */
    insertCustomer: MutationOf<{
      /** The caller's own id. */
      userId?: string | null | undefined;
    } | void, Success>;
    /**
     * Renames the caller.
     * @deprecated Use user.updateName.
     */
    updateUserName: MutationOf<{
      /** What the caller wants to be called. */
      name: string;
      /** The caller's own id. */
      userId?: string | null | undefined;
    }, Success>;
  };
  user: {
    /** Renames the caller. */
    updateName: MutationOf<{
      /** What the caller wants to be called. */
      name: string;
      /** The caller's own id. */
      userId?: string | null | undefined;
    }, Success>;
    /** Who the caller is. */
    me: QueryOf<void, User>;
    /** A user with everything that is theirs, as of one moment. */
    summary: QueryOf<{
      /** The caller when not given; somebody else's is for admins. */
      userId?: string | null | undefined;
    } | void, UserSummary>;
    /** Removes an account; its clusters stay as history without an owner. */
    delete: MutationOf<{
      /** Also when a paid subscription is running; for admins. */
      force?: boolean | null | undefined;
      /** The caller when not given; somebody else's is for admins. */
      userId?: string | null | undefined;
    } | void, Success>;
    /** Closes an account and forgets the person; the row, the customer and the clusters stay for the books. */
    softDelete: MutationOf<{
      /** Also when a paid subscription is running; for admins. */
      force?: boolean | null | undefined;
      /** The caller when not given; somebody else's is for admins. */
      userId?: string | null | undefined;
    } | void, Success>;
  };
  admin: {
    /** The server in four numbers. */
    getStats: QueryOf<void, Stats>;
    /**
     * Users, newest first.
     * The fields of every paged list.
     */
    listUsers: QueryOf<{
      /** The `nextCursor` of the previous page. */
      cursor?: string | null | undefined;
      /** Also what is deleted. */
      includeDeleted?: boolean | null | undefined;
      /** Items per page; 20 by default. */
      limit?: number | null | undefined;
      /** Part of an id, name or email, in any case. */
      search?: string | null | undefined;
    } | void, ListedUserPage>;
    /**
     * Everybody's clusters, newest first.
     * The fields of every paged list.
     */
    listClusters: QueryOf<{
      /** The `nextCursor` of the previous page. */
      cursor?: string | null | undefined;
      /** Also what is deleted. */
      includeDeleted?: boolean | null | undefined;
      /** Items per page; 20 by default. */
      limit?: number | null | undefined;
      plan?: Plan | null | undefined;
      status?: Status | null | undefined;
      /** The owner. */
      userId?: string | null | undefined;
    } | void, ClusterPage>;
    /** Makes a user an admin, or one less. */
    setRole: MutationOf<{
      role: Role;
      userId: string;
    }, Success>;
    /**
     * Who changed what, newest first.
     * The fields of every paged list.
     */
    auditLog: QueryOf<{
      /** Who made the change. */
      actorId?: string | null | undefined;
      /** The `nextCursor` of the previous page. */
      cursor?: string | null | undefined;
      /** What kind of thing was changed, such as `cluster`. */
      entity?: string | null | undefined;
      /** The id of what was changed. */
      entityId?: string | null | undefined;
      /** Items per page; 20 by default. */
      limit?: number | null | undefined;
      /** The canonical name of the procedure. */
      procedure?: string | null | undefined;
      /** At or after this time. */
      since?: Date | null | undefined;
      /** Before this time. */
      until?: Date | null | undefined;
    } | void, AuditEntryPage>;
    /**
     * Who changes what, live.
     * Filters; all must match.
     */
    watchAudit: SubscriptionOf<{
      /** Who made the change. */
      actorId?: string | null | undefined;
      /** What kind of thing was changed, such as `cluster`. */
      entity?: string | null | undefined;
      /** The id of what was changed. */
      entityId?: string | null | undefined;
      /** The id of the last event that was seen; delivery resumes after it. */
      lastEventId?: string | null | undefined;
      /** The canonical name of the procedure. */
      procedure?: string | null | undefined;
    } | void, AuditChange>;
    /**
     * What Stripe has told us, newest first.
     * The fields of every paged list.
     */
    webhookEvents: QueryOf<{
      /** The `nextCursor` of the previous page. */
      cursor?: string | null | undefined;
      /** Only those that wait for another try. */
      failed?: boolean | null | undefined;
      /** Items per page; 20 by default. */
      limit?: number | null | undefined;
    } | void, WebhookEventPage>;
    /** Tries again to handle an event of Stripe's that failed. */
    replayWebhook: MutationOf<{
      /** Stripe's id of the event. */
      eventId: string;
    }, Replayed>;
  };
  stripe: {
    /** Begins to buy a subscription; for who has one already, the way to change or cancel it. */
    createSession: MutationOf<{
      /** The Stripe price to buy: one of those that `stripe.userPlans` names, or any other that is for sale. */
      planId: string;
    }, SessionCreated>;
    /** The caller's plan, or null when they are no customer. */
    userPlans: QueryOf<void, UserPlan | null>;
  };
  rpc: {
    /** The OpenRPC document of this server. */
    discover: QueryOf<void, OpenRpcDocument>;
  };
}>;
