//! `k8s.watch`: changes of clusters, live.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cluster::ClusterOutput;
use crate::{
    db::Timestamp,
    error::{Error, Result},
    kernel::{Call, Page, Signal, Watch},
    models::{
        cluster_event::{ClusterEvent, EventKind},
        event_log::EventLog,
        k8s::Status,
        plan::Plan,
    },
};

/// Filters; all must match.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WatchClusters {
    /// The id of the last event that was seen; delivery resumes after it.
    #[schemars(regex(pattern = "^[0-9]{1,19}$"))]
    last_event_id: Option<String>,
    /// Whose clusters: for admins anybody's, and everybody's when left out.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    user_id: Option<String>,
    #[schemars(range(min = 1, max = 9007199254740991i64))]
    cluster_id: Option<i64>,
    plan: Option<Plan>,
    /// The status after the change.
    status: Option<Status>,
}

/// What happened to a cluster, or to the subscription.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum ClusterChange {
    /// The first event, unless `lastEventId` was given. A client that reads its list after it misses nothing.
    Ready {
        /// The position to resume after.
        id: String,
    },
    /// It was created.
    Created(Change),
    /// Its name or location changed.
    Updated(Change),
    /// Its status changed.
    StatusChanged(Change),
    /// It was deleted.
    Deleted(Change),
    /// It was restored.
    Restored(Change),
    /// The client was too slow. What it missed after this position follows.
    Lagged {
        /// The position.
        id: String,
    },
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Change {
    /// A decimal number, greater than that of every earlier event.
    id: String,
    /// When it happened.
    at: Timestamp,
    /// The cluster after the change.
    cluster: ClusterOutput,
}

/// Starts the subscription.
///
/// # Errors
/// UNAUTHORIZED; BAD_REQUEST for an unknown position.
pub fn watch(call: &mut Call<'_>, input: WatchClusters) -> Result<Watch<ClusterEvent, ClusterChange>> {
    let WatchClusters { last_event_id, user_id, cluster_id, plan, status } = input;
    let own = (!call.acts_as_admin()).then(|| call.caller().map(|caller| caller.id.clone())).transpose()?;
    let owner: Option<Arc<str>> = user_id.or(own).map(Arc::from);
    let (permitted, narrowed) = (owner.clone(), owner.clone());
    let wanted = move |event: &ClusterEvent| {
        owner.as_deref().is_none_or(|owner| event.auth_user_id.as_deref() == Some(owner))
            && cluster_id.is_none_or(|id| event.cluster_id == id)
            && plan.is_none_or(|plan| event.plan == plan)
            && status.is_none_or(|status| event.status == status)
    };
    let select = move |signal: Signal<'_, ClusterEvent>| match signal {
        Signal::Event(event) => wanted(event).then(|| ClusterChange::from(event)),
        Signal::Ready { last } => Some(ClusterChange::Ready { id: last.to_string() }),
        Signal::Lagged { last } => Some(ClusterChange::Lagged { id: last.to_string() }),
    };
    Watch::new(select)
        .permit(move |call| authorize(call, permitted.as_deref()))
        .read(move |conn, Page { after, limit }| match narrowed.as_deref() {
            Some(owner) => Ok(ClusterEvent::after_of(conn, owner, after, limit)?),
            None => Ok(ClusterEvent::after(conn, after, limit)?),
        })
        .resume(last_event_id.as_deref())
}

/// Whether the caller may watch the clusters of `owner`, or of everybody.
fn authorize(call: &Call<'_>, owner: Option<&str>) -> Result<()> {
    if owner == Some(call.caller()?.id.as_str()) || call.acts_as_admin() {
        return Ok(());
    }
    Err(Error::Forbidden("You can watch your own clusters only."))
}

impl From<&ClusterEvent> for ClusterChange {
    fn from(event: &ClusterEvent) -> Self {
        let change = Change { id: event.id.to_string(), at: event.created_at, cluster: event.into() };
        match event.kind {
            EventKind::Created => Self::Created(change),
            EventKind::Updated => Self::Updated(change),
            EventKind::StatusChanged => Self::StatusChanged(change),
            EventKind::Deleted => Self::Deleted(change),
            EventKind::Restored => Self::Restored(change),
        }
    }
}
