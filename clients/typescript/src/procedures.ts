// x-content-hash: fff5aa0516e27565b871fe41cce49286bf75444d1bb2cb50b9446b54a88431a3
// The procedures of clusterdesk 0.1.0, generated from its registry. Do not edit.
//
// Here are: the named types, among them `ErrorCode`, `Issue` and `ErrorData` (what is in `error.data`); `NoInput`; and
// `Procedures`, with a member for every name, old names included:
//
//   "namespace.name": { kind: "query" | "mutation" | "subscription"; input: …; output: … }
//
// `void` is among the inputs of a procedure that can be called without. The output of a subscription is one event.
// Timestamps are strings: RFC 3339, in UTC, with milliseconds.

/** No input at all, or an empty object. */
export type NoInput = Record<string, never>;

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
  createdAt: string;
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
  createdAt: string;
  /** Null while the cluster is active. */
  deletedAt: string | null;
  id: number;
  location: string;
  name: string;
  network: string;
  plan: Plan;
  status: Status;
  updatedAt: string;
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
    at: string;
    /** The cluster after the change. */
    cluster: Cluster;
    /** A decimal number, greater than that of every earlier event. */
    id: string;
    type: "created";
  }
  /** Its name or location changed. */
  | {
    /** When it happened. */
    at: string;
    /** The cluster after the change. */
    cluster: Cluster;
    /** A decimal number, greater than that of every earlier event. */
    id: string;
    type: "updated";
  }
  /** Its status changed. */
  | {
    /** When it happened. */
    at: string;
    /** The cluster after the change. */
    cluster: Cluster;
    /** A decimal number, greater than that of every earlier event. */
    id: string;
    type: "statusChanged";
  }
  /** It was deleted. */
  | {
    /** When it happened. */
    at: string;
    /** The cluster after the change. */
    cluster: Cluster;
    /** A decimal number, greater than that of every earlier event. */
    id: string;
    type: "deleted";
  }
  /** It was restored. */
  | {
    /** When it happened. */
    at: string;
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
  createdAt: string;
  id: number;
  name: string | null;
  plan: Plan;
  /** When the paid period ends; null on FREE. */
  stripeCurrentPeriodEnd: string | null;
  stripeCustomerId: string | null;
  stripePriceId: string | null;
  stripeSubscriptionId: string | null;
  updatedAt: string;
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
  createdAt: string;
  deletedAt: string | null;
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
  endsAt: string | null;
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
  createdAt: string;
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
  createdAt: string;
  error: string | null;
  id: string;
  /** Null while an error keeps it from having its effect. */
  processedAt: string | null;
  receivedAt: string;
  /** Such as `customer.subscription.updated`. */
  type: string;
}

/** One page of a list. */
export interface WebhookEventPage {
  items: WebhookEvent[];
  /** Send it as `cursor` to get the next page; null on the last one. */
  nextCursor: string | null;
}

/** Every procedure under each of its names. */
export interface Procedures {
  /** Greets, to prove that the line works. */
  "hello.hello": { kind: "query"; input: {
    /** Whom to greet. */
    text: string;
  }; output: Greeting };
  /** The caller's plan, or null when they are no customer. */
  "auth.mySubscription": { kind: "query"; input: NoInput | void; output: MySubscription | null };
  /** The caller's active clusters, oldest first. */
  "k8s.list": { kind: "query"; input: NoInput | void; output: Cluster[] };
  /** @deprecated Use k8s.list. */
  "k8s.getClusters": Procedures["k8s.list"];
  /** One of the caller's active clusters. */
  "k8s.get": { kind: "query"; input: {
    id: number;
  }; output: Cluster };
  /** Puts a new cluster into the plan's free slot. */
  "k8s.create": { kind: "mutation"; input: {
    /** Where it runs, such as eu-central. */
    location: string;
    /** Lower-case letters, digits and dashes. */
    name: string;
    /** The old frontend sends one; the database decides. */
    id?: number | null | undefined;
    /** FREE when not said. */
    plan?: Plan | null | undefined;
  }; output: ClusterCreated };
  /** @deprecated Use k8s.create. */
  "k8s.createCluster": Procedures["k8s.create"];
  /**
   * Renames or moves one of the caller's active clusters.
   * At least one of `name` and `location`.
   */
  "k8s.update": { kind: "mutation"; input: {
    id: number;
    /** Where it runs, such as eu-central. */
    location?: string | null | undefined;
    /** Lower-case letters, digits and dashes. */
    name?: string | null | undefined;
  }; output: Success };
  /** @deprecated Use k8s.update. */
  "k8s.updateCluster": Procedures["k8s.update"];
  /** Soft-deletes one of the caller's active clusters. */
  "k8s.delete": { kind: "mutation"; input: {
    id: number;
  }; output: Success };
  /** @deprecated Use k8s.delete. */
  "k8s.deleteCluster": Procedures["k8s.delete"];
  /** Brings one of the caller's deleted clusters back into its plan's slot. */
  "k8s.restore": { kind: "mutation"; input: {
    id: number;
  }; output: Success };
  /**
   * The caller's deleted clusters, newest deletion first.
   * The fields of every paged list.
   */
  "k8s.listDeleted": { kind: "query"; input: {
    /** The `nextCursor` of the previous page. */
    cursor?: string | null | undefined;
    /** Items per page; 20 by default. */
    limit?: number | null | undefined;
  } | void; output: ClusterPage };
  /** How many clusters the caller has, active and deleted. */
  "k8s.count": { kind: "query"; input: NoInput | void; output: ClusterCount };
  /** Takes any active cluster one step through its life. */
  "k8s.setStatus": { kind: "mutation"; input: {
    id: number;
    /** The next step of its life. */
    status: Status;
  }; output: Success };
  /**
   * What happens to the caller's clusters, or to everybody's for an admin, as it happens.
   * Filters; all must match.
   */
  "k8s.watch": { kind: "subscription"; input: {
    clusterId?: number | null | undefined;
    /** The id of the last event that was seen; delivery resumes after it. */
    lastEventId?: string | null | undefined;
    plan?: Plan | null | undefined;
    /** The status after the change. */
    status?: Status | null | undefined;
    /** Whose clusters: for admins anybody's, and everybody's when left out. */
    userId?: string | null | undefined;
  } | void; output: ClusterChange };
  /** The caller's customer record, or null. */
  "customer.get": { kind: "query"; input: {
    /** The caller's own id. */
    userId?: string | null | undefined;
  } | void; output: Customer | null };
  /** @deprecated Use customer.get. */
  "customer.queryCustomer": Procedures["customer.get"];
  /** Makes the caller a customer on FREE. */
  "customer.create": { kind: "mutation"; input: {
    /** The caller's own id. */
    userId?: string | null | undefined;
  } | void; output: Success };
  /** @deprecated Use customer.create. */
  "customer.insertCustomer": Procedures["customer.create"];
  /** Renames the caller. */
  "user.updateName": { kind: "mutation"; input: {
    /** What the caller wants to be called. */
    name: string;
    /** The caller's own id. */
    userId?: string | null | undefined;
  }; output: Success };
  /** @deprecated Use user.updateName. */
  "customer.updateUserName": Procedures["user.updateName"];
  /** Who the caller is. */
  "user.me": { kind: "query"; input: NoInput | void; output: User };
  /** A user with everything that is theirs, as of one moment. */
  "user.summary": { kind: "query"; input: {
    /** The caller when not given; somebody else's is for admins. */
    userId?: string | null | undefined;
  } | void; output: UserSummary };
  /** Removes an account; its clusters stay as history without an owner. */
  "user.delete": { kind: "mutation"; input: {
    /** Also when a paid subscription is running; for admins. */
    force?: boolean | null | undefined;
    /** The caller when not given; somebody else's is for admins. */
    userId?: string | null | undefined;
  } | void; output: Success };
  /** Closes an account and forgets the person; the row, the customer and the clusters stay for the books. */
  "user.softDelete": { kind: "mutation"; input: {
    /** Also when a paid subscription is running; for admins. */
    force?: boolean | null | undefined;
    /** The caller when not given; somebody else's is for admins. */
    userId?: string | null | undefined;
  } | void; output: Success };
  /** The server in four numbers. */
  "admin.getStats": { kind: "query"; input: NoInput | void; output: Stats };
  /**
   * Users, newest first.
   * The fields of every paged list.
   */
  "admin.listUsers": { kind: "query"; input: {
    /** The `nextCursor` of the previous page. */
    cursor?: string | null | undefined;
    /** Also what is deleted. */
    includeDeleted?: boolean | null | undefined;
    /** Items per page; 20 by default. */
    limit?: number | null | undefined;
    /** Part of an id, name or email, in any case. */
    search?: string | null | undefined;
  } | void; output: ListedUserPage };
  /**
   * Everybody's clusters, newest first.
   * The fields of every paged list.
   */
  "admin.listClusters": { kind: "query"; input: {
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
  } | void; output: ClusterPage };
  /** Makes a user an admin, or one less. */
  "admin.setRole": { kind: "mutation"; input: {
    role: Role;
    userId: string;
  }; output: Success };
  /**
   * Who changed what, newest first.
   * The fields of every paged list.
   */
  "admin.auditLog": { kind: "query"; input: {
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
    since?: string | null | undefined;
    /** Before this time. */
    until?: string | null | undefined;
  } | void; output: AuditEntryPage };
  /**
   * Who changes what, live.
   * Filters; all must match.
   */
  "admin.watchAudit": { kind: "subscription"; input: {
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
  } | void; output: AuditChange };
  /**
   * What Stripe has told us, newest first.
   * The fields of every paged list.
   */
  "admin.webhookEvents": { kind: "query"; input: {
    /** The `nextCursor` of the previous page. */
    cursor?: string | null | undefined;
    /** Only those that wait for another try. */
    failed?: boolean | null | undefined;
    /** Items per page; 20 by default. */
    limit?: number | null | undefined;
  } | void; output: WebhookEventPage };
  /** Tries again to handle an event of Stripe's that failed. */
  "admin.replayWebhook": { kind: "mutation"; input: {
    /** Stripe's id of the event. */
    eventId: string;
  }; output: Replayed };
  /** Begins to buy a subscription; for who has one already, the way to change or cancel it. */
  "stripe.createSession": { kind: "mutation"; input: {
    /** The Stripe price to buy: one of those that `stripe.userPlans` names, or any other that is for sale. */
    planId: string;
  }; output: SessionCreated };
  /** The caller's plan, or null when they are no customer. */
  "stripe.userPlans": { kind: "query"; input: NoInput | void; output: UserPlan | null };
  /** The OpenRPC document of this server. */
  "rpc.discover": { kind: "query"; input: NoInput | void; output: OpenRpcDocument };
}
