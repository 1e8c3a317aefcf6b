//! `admin.*`: what administrators of the server see and do.

use anyhow::anyhow;
use procedures::{Access, Code, NoInput};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    audit,
    cluster::ClusterOutput,
    cluster_detail, example, health,
    k8s::{ClusterId, NO_CLUSTER, restore_for},
    page::{ListInput, PageOutput},
    reconcile, series,
    success::{SUCCESS, Success},
    traffic, user_detail, webhooks,
};
use crate::{
    db::Timestamp,
    error::{Error, Result},
    kernel::{Audited, Call, Router, limiter},
    models::{
        k8s::{Cluster, ClusterRow, DeletedCluster, Status},
        k8s_list::ClusterFilter,
        plan::Plan,
        stats::CountsNow,
        user::{Role, User},
        user_list::{self, ListedUser, UserByName, UserFilter},
    },
};

/// Counts for a dashboard.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Stats {
    /// Users who are not deleted.
    total_users: i64,
    /// Clusters that are not deleted.
    total_clusters: i64,
    /// Customers with a running paid subscription.
    active_subscriptions: i64,
    /// Audited mutations of the last 24 hours.
    recent_activity: i64,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct ListUsers {
    #[serde(flatten)]
    list: ListInput,
    /// By what the users are sorted; by default the time of their first sign-in.
    sort: Option<UserSort>,
    /// A part of the id, name or email; upper and lower case are not distinguished.
    #[schemars(length(min = 1, max = 100))]
    search: Option<String>,
    role: Option<Role>,
    /// Whether to list deleted users too; false by default.
    include_deleted: Option<bool>,
}

/// By what users are sorted.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum UserSort {
    /// The time of their first sign-in.
    #[default]
    CreatedAt,
    /// The name, in lower case; the id of a user without one.
    Name,
}

/// A user with plan and number of clusters.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ListedUser")]
struct UserItem {
    id: String,
    name: Option<String>,
    email: Option<String>,
    /// The URL of a picture.
    image: Option<String>,
    role: Role,
    created_at: Timestamp,
    /// When the user was soft-deleted; null while the user is active.
    deleted_at: Option<Timestamp>,
    /// Null if the user is not a customer.
    plan: Option<Plan>,
    active_clusters: i64,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct ListClusters {
    #[serde(flatten)]
    list: ListInput,
    status: Option<Status>,
    plan: Option<Plan>,
    /// The id of the owner.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    user_id: Option<String>,
    /// Whether to list deleted clusters too; false by default.
    include_deleted: Option<bool>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SetRole {
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    user_id: String,
    role: Role,
}

/// The procedures of the namespace.
pub fn router() -> Router {
    Router::new("admin")
        .query(
            "getStats",
            Access::Admin,
            "The numbers of users, clusters, paid subscriptions and recent changes.",
            get_stats,
        )
        .one_statement()
        .loads::<CountsNow>()
        .example(json!({}), json!({"totalUsers": 3, "totalClusters": 1, "activeSubscriptions": 1, "recentActivity": 1}))
        .query(
            "series",
            Access::Admin,
            "Numbers over time, for charts: users, clusters, changes, revenue and failed events.",
            series::series,
        )
        .one_statement()
        .example(
            json!({"metric": "signUps", "from": "2026-01-01T00:00:00.000Z", "to": "2026-01-03T00:00:00.000Z"}),
            json!({
                "at": ["2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"],
                "lines": [{"label": "", "values": [2, 0]}]
            }),
        )
        .query("traffic", Access::Admin, "The calls that this server has answered in the last hour.", traffic::traffic)
        .one_statement()
        .example(
            json!({"minutes": 1}),
            json!({
                "at": ["2026-11-22T09:30:00.000Z"], "calls": [0], "errors": [0], "p50Ms": [null], "p99Ms": [null],
                "procedures": []
            }),
        )
        .query("listUsers", Access::Admin, "All users, by default newest first.", list_users)
        .browses()
        .example(json!({"search": "ada@"}), example::page(&example::listed_user()))
        .query(
            "getUser",
            Access::Admin,
            "A user, live or soft-deleted, with customer record, Stripe subscriptions and active clusters.",
            user_detail::get,
        )
        .errors([Code::NotFound])
        .example(json!({"userId": example::ADA}), example::user_detail())
        .query("names", Access::Admin, "The names of users, of those that exist.", user_detail::names)
        .one_statement()
        .example(
            json!({"userIds": [example::ADA, "user_unknown"]}),
            json!([{"id": example::ADA, "name": "Ada", "deletedAt": null}]),
        )
        .query("listClusters", Access::Service, "The clusters of all users, by default newest first.", list_clusters)
        .browses()
        .one_statement()
        .example(json!({"status": "RUNNING", "limit": 50}), example::page(&example::cluster()))
        .query(
            "getCluster",
            Access::Service,
            "Any user's cluster, live or deleted, and its owner.",
            cluster_detail::get,
        )
        .errors([Code::NotFound])
        .example(json!({"id": 1}), example::cluster_detail())
        .query(
            "clusterEvents",
            Access::Service,
            "What has happened to a cluster, newest first, as far as it was not removed by age.",
            cluster_detail::events,
        )
        .browses()
        .one_statement()
        .example(json!({"id": 1}), example::cluster_events())
        .mutation("setRole", Access::Admin, "Changes a user's role. The last admin cannot be demoted.", set_role)
        .consequence(
            "An admin sees and changes everything, and can make more admins. Who becomes a user loses access to the \
             dashboard at once.",
        )
        .errors([Code::NotFound, Code::PreconditionFailed])
        .example(json!({"userId": example::LINUS, "role": "ADMIN"}), example::success())
        .mutation("deleteCluster", Access::Admin, "Soft-deletes any user's active cluster.", delete_cluster)
        .consequence(
            "Its owner loses the cluster at once. It can be restored until it is purged, if its plan is paid for and no \
             other cluster of theirs is active on it.",
        )
        .errors([Code::NotFound])
        .example(json!({"id": 1}), example::success())
        .mutation(
            "restoreCluster",
            Access::Admin,
            "Restores any user's deleted cluster, unless another one of theirs is active on its plan.",
            restore_cluster,
        )
        .consequence("Its owner has the cluster again: STOPPED if it ever ran, else PENDING.")
        .errors([Code::NotFound, Code::Conflict, Code::PaymentRequired, Code::PreconditionFailed])
        .example(json!({"id": 2}), example::success())
        .query("auditLog", Access::Admin, "The audit log, by default newest entry first.", audit::log)
        .browses()
        .one_statement()
        .example(
            json!({"entity": "cluster", "since": "2026-01-01T00:00:00.000Z"}),
            example::page(&example::audit_entry()),
        )
        .subscription("watchAudit", Access::Admin, "New entries of the audit log, as they are written.", audit::watch)
        .errors([Code::PreconditionFailed])
        .example(json!({"entity": "cluster", "lastEventId": "0"}), example::audit_change())
        .query(
            "webhookEvents",
            Access::Admin,
            "The events received from Stripe, by default newest first.",
            webhooks::events,
        )
        .browses()
        .one_statement()
        .example(json!({"failed": true}), example::page(&example::webhook_event()))
        .mutation(
            "replayWebhook",
            Access::Admin,
            "Processes a Stripe event again that failed before.",
            webhooks::replay,
        )
        .consequence("The event is processed as if Stripe had just sent it. That may change the plan of a customer.")
        .errors([Code::NotFound])
        .example(json!({"eventId": "evt_ada"}), json!({"success": true, "error": null}))
        .async_mutation(
            "reconcileUser",
            Access::Admin,
            "Asks Stripe for the subscriptions of a user, and applies what it says.",
            reconcile::reconcile,
        )
        .consequence(
            "A state at Stripe that is newer than the one here is applied. That may change the plan of the user.",
        )
        .bucket(limiter::STRIPE)
        .errors([Code::NotFound, Code::PreconditionFailed, Code::BadGateway, Code::GatewayTimeout])
        .example(
            json!({"userId": example::ADA}),
            json!({"subscriptions": [{"id": "sub_ada", "outcome": "gone", "detail": null}]}),
        )
        .async_query(
            "health",
            Access::Admin,
            "How the server is doing: database, queue, replica, backups, jobs, and what it checks.",
            health::health,
        )
        .example(json!({}), example::health())
}

fn get_stats(call: &mut Call<'_>, _: NoInput) -> Result<Stats> {
    let admin = &call.caller()?.id;
    let counts = call.load::<CountsNow>(admin)?.ok_or_else(|| Error::Internal(anyhow!("there are no counts")))?;
    Ok(Stats {
        total_users: counts.users,
        total_clusters: counts.clusters,
        active_subscriptions: counts.paying,
        recent_activity: counts.recent,
    })
}

fn list_users(call: &mut Call<'_>, input: ListUsers) -> Result<PageOutput<UserItem>> {
    let include_deleted = input.include_deleted.unwrap_or(false);
    let filter = UserFilter { search: input.search, role: input.role, include_deleted };
    let (list, page) = input.list.of("admin.listUsers");
    let (conn, order) = (&mut *call.conn, list.order);
    let page = match input.sort.unwrap_or_default() {
        UserSort::CreatedAt => list
            .page::<ListedUser, _>(page, "", |after, limit| Ok(user_list::page(conn, &filter, order, after, limit)?)),
        UserSort::Name => list.page::<UserByName, _>(page, "name", |after, limit| {
            Ok(user_list::page_by_name(conn, &filter, order, after, limit)?)
        }),
    };
    list.total(page?, || Ok(user_list::total(call.conn, &filter)?))
}

fn list_clusters(call: &mut Call<'_>, input: ListClusters) -> Result<PageOutput<ClusterOutput>> {
    let filter = ClusterFilter {
        status: input.status,
        plan: input.plan,
        user_id: input.user_id,
        include_deleted: input.include_deleted.unwrap_or(false),
    };
    let (list, page) = input.list.of("admin.listClusters");
    let page =
        list.page(page, "", |after, limit| Ok(ClusterRow::page(call.conn, &filter, list.order, after, limit)?))?;
    // A number for people: it need not be of the same moment as the page.
    list.total(page, || Ok(ClusterRow::total(call.conn, &filter)?))
}

fn delete_cluster(call: &mut Call<'_>, input: ClusterId) -> Result<Audited<Success>> {
    let cluster = Cluster::find_any(call.conn, input.id)?.ok_or(NO_CLUSTER)?;
    let owner = owner(call, cluster.row.auth_user_id)?.ok_or(NO_CLUSTER)?;
    if !Cluster::soft_delete(call.conn, &owner.id, input.id, call.now)? {
        return Err(NO_CLUSTER);
    }
    Ok(Audited::changed(SUCCESS, "cluster", input.id, json!({"owner": owner.id})))
}

fn restore_cluster(call: &mut Call<'_>, input: ClusterId) -> Result<Audited<Success>> {
    let cluster = DeletedCluster::find_any(call.conn, input.id)?.ok_or(NO_CLUSTER)?;
    let owner = owner(call, cluster.row.auth_user_id.clone())?;
    let owner = owner.ok_or_else(|| Error::PreconditionFailed("The owner of this cluster was deleted.".to_owned()))?;
    restore_for(call, &owner, &cluster)
}

/// The live owner of a cluster, locked as in every change of their clusters.
fn owner(call: &mut Call<'_>, id: Option<String>) -> Result<Option<User>> {
    Ok(id.map_or(Ok(None), |id| User::find_locked(call.conn, &id))?)
}

fn set_role(call: &mut Call<'_>, input: SetRole) -> Result<Audited<Success>> {
    let user = User::find_locked(call.conn, &input.user_id)?.ok_or(Error::NotFound("user"))?;
    if user.role == input.role {
        return Ok(Audited::unchanged(SUCCESS));
    }
    if user.is_last_admin(call.conn)? {
        return Err(Error::PreconditionFailed("This is the last admin. Promote somebody else first.".to_owned()));
    }
    user.set_role(call.conn, input.role, call.now)?;
    Ok(Audited::changed(SUCCESS, "user", &user.id, json!({"from": user.role, "to": input.role})))
}

impl From<UserByName> for UserItem {
    fn from(UserByName(user): UserByName) -> Self {
        user.into()
    }
}

impl From<ListedUser> for UserItem {
    fn from(ListedUser { row, active_clusters }: ListedUser) -> Self {
        Self {
            id: row.id,
            name: row.name,
            email: row.email,
            image: row.image,
            role: row.role,
            created_at: row.created_at,
            deleted_at: row.deleted_at,
            plan: row.plan,
            active_clusters,
        }
    }
}
