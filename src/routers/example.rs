//! The example fixture: the values that the examples of the documents use. A test inserts these rows and makes every
//! example call.
//!
//! Ada is a customer with the plan PRO, has a running and a deleted cluster and an API token, and is signed in to the explorer.
//! Grace is an admin. Linus is a new user.

use serde_json::{Value, json};

use super::confirmation::confirm_token;

/// The id of the user who makes the calls of users.
pub const ADA: &str = "user_ada";
/// The monthly Stripe price of the plan PRO.
pub const PRICE: &str = "price_pro_monthly";
/// The id of a user without a customer record or clusters.
pub const LINUS: &str = "user_linus";

const CREATED: &str = "2026-11-02T08:00:00.000Z";
const CHANGED: &str = "2026-11-22T09:30:00.000Z";
/// The token of the test in `auth/plain_token.rs`, which nobody has.
const SECRET: &str = "cdk_0000000000000000000000000000002C8GjS";
const PERIOD_END: &str = "2027-11-02T08:00:00.000Z";

/// The output of most mutations.
pub fn success() -> Value {
    json!({"success": true})
}

/// A page with one item, which is the last page.
pub fn page(item: &Value) -> Value {
    json!({"items": [item], "nextCursor": null})
}

/// Ada's active cluster.
pub fn cluster() -> Value {
    cluster_in("RUNNING")
}

/// Ada's active cluster as it was in this status.
fn cluster_in(status: &str) -> Value {
    json!({
        "id": 1, "name": "production", "location": "eu-central", "authUserId": ADA, "plan": "FREE",
        "network": "Default", "status": status, "createdAt": CREATED, "updatedAt": CHANGED, "deletedAt": null,
    })
}

/// Ada's deleted cluster.
pub fn deleted_cluster() -> Value {
    json!({
        "id": 2, "name": "staging", "location": "us-east", "authUserId": ADA, "plan": "PRO",
        "network": "Default", "status": "DELETED", "createdAt": CREATED, "updatedAt": CHANGED, "deletedAt": CHANGED,
    })
}

/// An event of `k8s.watch`.
pub fn cluster_change() -> Value {
    json!({"type": "statusChanged", "id": "2", "at": CHANGED, "cluster": cluster()})
}

/// Ada's customer record.
pub fn customer() -> Value {
    json!({
        "id": 1, "authUserId": ADA, "name": "Analytical Engines", "plan": "PRO", "stripeCustomerId": "cus_ada",
        "stripeSubscriptionId": "sub_ada", "stripePriceId": "price_pro_monthly",
        "stripeCurrentPeriodEnd": PERIOD_END, "createdAt": CREATED, "updatedAt": CHANGED,
    })
}

/// Ada's plan, as `auth.mySubscription` returns it.
pub fn subscription() -> Value {
    json!({"plan": "PRO", "endsAt": PERIOD_END})
}

/// Ada's user record.
pub fn user() -> Value {
    json!({
        "id": ADA, "name": "Ada", "email": "ada@example.com", "image": null, "role": "USER", "createdAt": CREATED,
    })
}

/// Ada with customer record and clusters.
pub fn user_summary() -> Value {
    let shown = |token: &str| {
        json!({
            "user": user(), "customer": customer(), "activeClusters": 1, "clusters": [cluster()], "confirmToken": token,
        })
    };
    shown(&confirm_token(&shown("")))
}

/// Ada in `admin.listUsers`.
pub fn listed_user() -> Value {
    json!({
        "id": ADA, "name": "Ada", "email": "ada@example.com", "image": null, "role": "USER", "createdAt": CREATED,
        "deletedAt": null, "plan": "PRO", "activeClusters": 1,
    })
}

/// Ada's API token.
pub fn token() -> Value {
    json!({
        "id": 1, "userId": ADA, "name": "deploy", "scope": "write", "hint": "GjS", "createdAt": CREATED, "expiresAt": null,
        "lastUsedAt": CHANGED, "lastUsedAddress": "203.0.113.7", "revokedAt": null,
    })
}

/// Ada's browser.
pub fn session() -> Value {
    json!({
        "id": 1, "userId": ADA, "createdAt": CHANGED, "expiresAt": PERIOD_END, "lastUsedAt": CHANGED,
        "lastUsedAddress": "203.0.113.7", "current": false,
    })
}

/// A new API token, as it is shown once.
pub fn new_token() -> Value {
    json!({"id": 2, "token": SECRET, "scope": "write", "expiresAt": PERIOD_END})
}

/// The one that replaces Ada's.
pub fn rotated_token() -> Value {
    json!({"id": 2, "token": SECRET, "scope": "write", "expiresAt": null})
}

/// Ada's plan, as `stripe.userPlans` returns it.
pub fn user_plan() -> Value {
    json!({
        "title": "Pro", "description": "For a project that others depend on.",
        "benefits": ["One cluster on each of Free and Pro", "Events of your clusters, live"],
        "limitations": ["No clusters on the Business plan"], "prices": {"monthly": 30, "yearly": 288},
        "stripeIds": {"monthly": PRICE, "yearly": null}, "stripeCustomerId": "cus_ada",
        "stripeSubscriptionId": "sub_ada", "stripePriceId": PRICE, "stripeCurrentPeriodEnd": 1_825_142_400_000_i64,
        "isPaid": true, "interval": "month", "isCanceled": false,
    })
}

/// A Stripe event that failed.
pub fn webhook_event() -> Value {
    json!({
        "id": "evt_ada", "type": "invoice.payment_failed", "createdAt": CHANGED, "receivedAt": CHANGED,
        "processedAt": null, "attempts": 1, "error": "The database was unavailable.",
    })
}

/// An event of `admin.watchAudit`.
pub fn audit_change() -> Value {
    json!({"type": "recorded", "id": "1", "entry": audit_entry()})
}

/// The entry of the audit log about Ada's deletion of a cluster.
pub fn audit_entry() -> Value {
    json!({
        "id": 1, "createdAt": CHANGED, "actorId": ADA, "procedure": "k8s.delete", "entity": "cluster", "entityId": "2",
        "detail": {"owner": ADA}, "requestId": "3f1d1a52-6f0f-4c43-9d39-0d3a1c2f7a10",
        "clientAddress": "203.0.113.7", "tokenId": null, "door": "jsonrpc",
    })
}

/// Ada as admins see her.
pub fn user_detail() -> Value {
    json!({
        "id": ADA, "name": "Ada", "email": "ada@example.com", "image": null, "role": "USER", "createdAt": CREATED,
        "updatedAt": CREATED, "deletedAt": null, "customer": customer(), "allowance": "PRO", "isPaying": true,
        "isCanceled": false, "subscriptions": [], "clusters": [cluster()], "stripeTestMode": true,
    })
}

/// Ada's active cluster as admins see it.
pub fn cluster_detail() -> Value {
    json!({"cluster": cluster(), "hasRun": true, "owner": {"id": ADA, "name": "Ada", "deletedAt": null}})
}

/// What has happened to it.
pub fn cluster_events() -> Value {
    let created = json!({"id": "1", "type": "created", "at": CREATED, "cluster": cluster_in("INITING")});
    let started = json!({"id": "2", "type": "statusChanged", "at": CHANGED, "cluster": cluster()});
    json!({"items": [started, created], "nextCursor": null})
}

/// A server on SQLite.
pub fn health() -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "database": {"kind": "SQLite", "latencyMs": 1, "fileBytes": 413_696, "logBytes": 8272},
        "queue": {"reads": 0, "writes": 0}, "replica": null,
        "backups": {"everySeconds": 3600, "newestAt": CHANGED},
        "billing": {"configured": true, "suspended": false, "failedEvents": 0},
        "jobs": {"purgedAt": CHANGED, "archivedAt": null, "sealedThrough": CHANGED, "sealIsDue": false},
        "findings": [{"check": "clock", "ok": true, "detail": "0 ms from the database's"}],
    })
}
