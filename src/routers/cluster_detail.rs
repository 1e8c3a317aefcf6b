//! `admin.getCluster` and `admin.clusterEvents`: any user's cluster, live or deleted, and what has happened to it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    cluster::ClusterOutput,
    k8s::{ClusterId, NO_CLUSTER},
    page::{PageInput, PageOutput, page},
    user_detail::NamedUser,
};
use crate::{
    db::Timestamp,
    error::Result,
    kernel::Call,
    models::{
        any_user::AnyUser,
        cluster_event::{ClusterEvent, EventKind},
        k8s::ClusterRow,
    },
};

/// A cluster, live or deleted, and its owner.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClusterDetail {
    cluster: ClusterOutput,
    /// Whether it was ever RUNNING or STOPPED. It is then STOPPED after it was restored, else PENDING.
    has_run: bool,
    /// Null after the owner was deleted for good.
    owner: Option<NamedUser>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(super) struct ClusterEvents {
    #[schemars(range(min = 1, max = 9007199254740991i64))]
    id: i64,
    #[serde(flatten)]
    page: PageInput,
}

/// A change of a cluster.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ClusterEvent")]
pub(super) struct PastEvent {
    /// A decimal number that increases from event to event.
    id: String,
    r#type: EventKind,
    /// The time of the change.
    at: Timestamp,
    /// The cluster after the change.
    cluster: ClusterOutput,
}

/// The handler of `admin.getCluster`.
///
/// # Errors
/// NOT_FOUND.
pub(super) fn get(call: &mut Call<'_>, ClusterId { id }: ClusterId) -> Result<ClusterDetail> {
    let row = ClusterRow::find(call.conn, id)?.ok_or(NO_CLUSTER)?;
    let owner = row.auth_user_id.as_deref().map_or(Ok(None), |owner| AnyUser::find(call.conn, owner))?;
    Ok(ClusterDetail { has_run: row.has_run, cluster: row.into(), owner: owner.map(NamedUser::from) })
}

/// The handler of `admin.clusterEvents`. A cluster whose events were removed has none.
///
/// # Errors
/// BAD_REQUEST for a cursor of another list.
pub(super) fn events(call: &mut Call<'_>, input: ClusterEvents) -> Result<PageOutput<PastEvent>> {
    let id = input.id;
    page("admin.clusterEvents", input.page, |after, limit| Ok(ClusterEvent::history(call.conn, id, after, limit)?))
}

impl From<ClusterEvent> for PastEvent {
    fn from(event: ClusterEvent) -> Self {
        Self { id: event.id.to_string(), r#type: event.kind, at: event.created_at, cluster: (&event).into() }
    }
}
