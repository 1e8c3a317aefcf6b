//! `k8s.*`: the caller's clusters (docs/API.md, "Clusters").

use procedures::{Access, Code, NoInput};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    cluster::ClusterOutput,
    example,
    k8s_watch::watch,
    page::{PageInput, PageOutput, page},
    success::{SUCCESS, Success},
};
use crate::{
    error::{Error, Result},
    kernel::{Audited, Call, InStep, Router},
    models::{
        customer::Customer,
        k8s::{Cluster, ClusterChanges, ClusterRow, DeletedCluster, Status},
        k8s_sets::{Creation, Deletion, LiveClusters, Update},
        plan::Plan,
        user::User,
    },
};

pub(super) const NO_CLUSTER: Error = Error::NotFound("cluster");
const BAD_NAME: &str = "may contain only lower-case letters, digits and dashes";

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClusterId {
    #[schemars(range(min = 1, max = 9007199254740991i64))]
    pub(super) id: i64,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CreateCluster {
    /// Lower-case letters, digits and dashes.
    #[schemars(length(min = 1, max = 100), regex(pattern = "^[a-z0-9-]+$"), extend("x-message" = BAD_NAME))]
    name: String,
    /// Where it runs, such as `eu-central`.
    #[schemars(length(min = 1, max = 50))]
    location: String,
    /// FREE by default.
    plan: Option<Plan>,
    /// Ignored: clients of the old server send it, but the database assigns ids.
    #[serde(rename = "id")]
    _id: Option<f64>,
}

/// The cluster that was created.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ClusterCreated {
    id: i64,
    cluster_name: String,
    location: String,
    plan: Plan,
    /// Always true; a failure is an error.
    #[schemars(extend("const" = true))]
    success: bool,
}

/// `name`, `location` or both must be given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UpdateCluster {
    #[schemars(range(min = 1, max = 9007199254740991i64))]
    id: i64,
    /// Lower-case letters, digits and dashes, or the name that the cluster has already.
    #[schemars(length(min = 1, max = 100))]
    name: Option<String>,
    /// Where it runs, such as `eu-central`.
    #[schemars(length(min = 1, max = 50))]
    location: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ListDeleted {
    #[serde(flatten)]
    page: PageInput,
}

/// The numbers of a user's clusters.
#[derive(Debug, Serialize, JsonSchema)]
struct ClusterCount {
    active: i64,
    deleted: i64,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SetStatus {
    #[schemars(range(min = 1, max = 9007199254740991i64))]
    id: i64,
    /// The new status. PENDING may become CREATING, CREATING may become INITING, INITING may become RUNNING, and
    /// RUNNING and STOPPED may become each other.
    status: Status,
}

/// The procedures of the namespace.
pub fn router() -> Router {
    Router::new("k8s")
        .query("list", Access::User, "The caller's active clusters, oldest first.", list)
        .old_name("k8s.getClusters")
        .one_statement()
        .loads::<LiveClusters>()
        .example(json!({}), json!([example::cluster()]))
        .query("get", Access::User, "One of the caller's active clusters.", get)
        .errors([Code::NotFound])
        .one_statement()
        .example(json!({"id": 1}), example::cluster())
        .step::<CreateCluster>(
            "create",
            Access::User,
            "Creates a cluster. A user may have one active cluster on each plan.",
        )
        .old_name("k8s.createCluster")
        .errors([Code::Conflict, Code::PaymentRequired])
        .example(
            json!({"name": "staging", "location": "us-east", "plan": "PRO"}),
            json!({"id": 3, "clusterName": "staging", "location": "us-east", "plan": "PRO", "success": true}),
        )
        .step::<UpdateCluster>(
            "update",
            Access::User,
            "Changes the name or location of one of the caller's active clusters.",
        )
        .old_name("k8s.updateCluster")
        .errors([Code::NotFound])
        .example(json!({"id": 1, "name": "web"}), example::success())
        .step::<DeleteCluster>("delete", Access::User, "Soft-deletes one of the caller's active clusters.")
        .consequence(
            "You lose the cluster at once. It can be restored until it is purged, if its plan is paid for and no other \
             cluster of yours is active on it.",
        )
        .old_name("k8s.deleteCluster")
        .errors([Code::NotFound])
        .example(json!({"id": 1}), example::success())
        .mutation(
            "restore",
            Access::User,
            "Restores one of the caller's deleted clusters, unless another one is active on its plan.",
            restore,
        )
        .consequence("The cluster is active again: STOPPED if it ever ran, else PENDING.")
        .errors([Code::NotFound, Code::Conflict, Code::PaymentRequired])
        .example(json!({"id": 2}), example::success())
        .query("listDeleted", Access::User, "The caller's deleted clusters, newest deletion first.", list_deleted)
        .one_statement()
        .example(json!({"limit": 10}), example::page(&example::deleted_cluster()))
        .query("count", Access::User, "The numbers of the caller's active and deleted clusters.", count)
        .example(json!({}), json!({"active": 1, "deleted": 1}))
        .mutation("setStatus", Access::Service, "Moves any user's active cluster to its next status.", set_status)
        .consequence(
            "The owner sees the new status at once. Only a change between RUNNING and STOPPED can be reversed.",
        )
        .errors([Code::NotFound, Code::PreconditionFailed])
        .example(json!({"id": 1, "status": "STOPPED"}), example::success())
        .subscription(
            "watch",
            Access::User,
            "Changes to the caller's clusters, as they happen. Admins can watch the clusters of all users.",
            watch,
        )
        .errors([Code::PreconditionFailed])
        .example(json!({"lastEventId": "1"}), example::cluster_change())
}

fn list(call: &mut Call<'_>, _: NoInput) -> Result<Vec<ClusterOutput>> {
    let caller = call.caller()?;
    let clusters = call.load::<LiveClusters>(&caller.id)?.unwrap_or_default();
    Ok(clusters.into_iter().map(ClusterOutput::from).collect())
}

fn get(call: &mut Call<'_>, input: ClusterId) -> Result<ClusterOutput> {
    let caller = call.caller()?;
    Cluster::find(call.conn, &caller.id, input.id)?.map(ClusterOutput::from).ok_or(NO_CLUSTER)
}

impl InStep for CreateCluster {
    type Input = Self;
    type Output = ClusterCreated;
    type Step = Creation;

    fn wish(call: &mut Call<'_>, input: &Self) -> Result<Creation> {
        let caller = call.caller()?;
        let plan = input.plan.unwrap_or_default();
        require_plan(call, caller, plan)?;
        let (owner, name, location) = (caller.id.clone(), input.name.clone(), input.location.clone());
        Ok(Creation { owner, name, location, plan, at: call.now })
    }

    fn answer(_: &User, input: Self, created: Result<i64>) -> Result<Audited<ClusterCreated>> {
        let (id, plan) = (created?, input.plan.unwrap_or_default());
        let detail = json!({"name": input.name, "location": input.location, "plan": plan});
        let Self { name, location, .. } = input;
        let output = ClusterCreated { id, cluster_name: name, location, plan, success: true };
        Ok(Audited::changed(output, "cluster", id, detail))
    }
}

impl InStep for UpdateCluster {
    type Input = Self;
    type Output = Success;
    type Step = Update;

    fn wish(call: &mut Call<'_>, input: &Self) -> Result<Update> {
        if input.name.is_none() && input.location.is_none() {
            return Err(Error::field("", "required", "name, location or both must be given"));
        }
        let (owner, mut name, location) = (call.caller()?.id.clone(), input.name.clone(), input.location.clone());
        if let Some(other) = name.take_if(|name| !is_name(name)) {
            // A cluster that was imported may have another name, which clients send back unchanged. Inputs are trimmed.
            let known = Cluster::find(call.conn, &owner, input.id)?.ok_or(NO_CLUSTER)?;
            if known.row.name.trim() != other {
                return Err(Error::field("name", "invalid_format", BAD_NAME));
            }
        }
        let changes = ClusterChanges { name, location, updated_at: call.now };
        Ok(Update { owner, id: input.id, changes })
    }

    fn answer(_: &User, input: Self, is_updated: bool) -> Result<Audited<Success>> {
        if !is_updated {
            return Err(NO_CLUSTER);
        }
        let detail = json!({"name": input.name, "location": input.location});
        Ok(Audited::changed(SUCCESS, "cluster", input.id, detail))
    }
}

/// `k8s.delete`.
struct DeleteCluster;

impl InStep for DeleteCluster {
    type Input = ClusterId;
    type Output = Success;
    type Step = Deletion;

    fn wish(call: &mut Call<'_>, input: &ClusterId) -> Result<Deletion> {
        Ok(Deletion { owner: call.caller()?.id.clone(), id: input.id, at: call.now })
    }

    fn answer(caller: &User, input: ClusterId, is_deleted: bool) -> Result<Audited<Success>> {
        if !is_deleted {
            return Err(NO_CLUSTER);
        }
        Ok(Audited::changed(SUCCESS, "cluster", input.id, json!({"owner": caller.id})))
    }
}

/// Whether a new cluster may have this name, by the pattern of [`CreateCluster`].
fn is_name(name: &str) -> bool {
    name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'))
}

fn restore(call: &mut Call<'_>, input: ClusterId) -> Result<Audited<Success>> {
    let caller = call.caller()?;
    let cluster = DeletedCluster::find(call.conn, &caller.id, input.id)?.ok_or(NO_CLUSTER)?;
    restore_for(call, caller, &cluster)
}

/// Restores a user's deleted cluster.
pub(super) fn restore_for(call: &mut Call<'_>, owner: &User, cluster: &DeletedCluster) -> Result<Audited<Success>> {
    require_plan(call, owner, cluster.row.plan)?;
    if !cluster.restore(call.conn, &owner.id, call.now)? {
        return Err(NO_CLUSTER);
    }
    Ok(Audited::changed(SUCCESS, "cluster", cluster.row.id, json!({"owner": owner.id})))
}

fn list_deleted(call: &mut Call<'_>, input: ListDeleted) -> Result<PageOutput<ClusterOutput>> {
    let caller = call.caller()?;
    page("k8s.listDeleted", input.page, |after, limit| Ok(DeletedCluster::page(call.conn, &caller.id, after, limit)?))
}

fn count(call: &mut Call<'_>, _: NoInput) -> Result<ClusterCount> {
    let caller = call.caller()?;
    let (active, deleted) = ClusterRow::count_of(call.conn, &caller.id)?;
    Ok(ClusterCount { active, deleted })
}

fn set_status(call: &mut Call<'_>, input: SetStatus) -> Result<Audited<Success>> {
    let cluster = Cluster::find_any(call.conn, input.id)?.ok_or(NO_CLUSTER)?;
    let from = cluster.row.status;
    if !from.may_become(input.status) {
        let message = format!("A cluster can't go from {} to {}.", from.as_str(), input.status.as_str());
        return Err(Error::PreconditionFailed(message));
    }
    if !cluster.set_status(call.conn, input.status, call.now)? {
        return Err(Error::Contention);
    }
    Ok(Audited::changed(SUCCESS, "cluster", input.id, json!({"from": from, "to": input.status})))
}

/// Refuses a plan above the one that the owner pays for (docs/API.md, "Plans").
fn require_plan(call: &mut Call<'_>, owner: &User, plan: Plan) -> Result<()> {
    if plan == Plan::Free {
        return Ok(());
    }
    let customer = Customer::of(call.conn, &owner.id)?;
    let allowance = customer.map_or(Plan::Free, |customer| customer.allowance(call.now));
    if plan > allowance {
        let whose = if call.caller()?.id == owner.id { "Your" } else { "The owner's" };
        let message = format!("{whose} subscription covers plans up to {}, not {}.", allowance.as_str(), plan.as_str());
        return Err(Error::PaymentRequired(message));
    }
    Ok(())
}
