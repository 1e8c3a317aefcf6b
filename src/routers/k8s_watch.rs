//! `k8s.watch`: changes to clusters, as they happen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cluster::ClusterOutput;
use crate::{
    db::Timestamp,
    error::{Error, Result},
    kernel::{Call, Signal, Watch},
    models::{
        cluster_event::{ClusterEvent, ClusterEventFilter, EventKind},
        k8s::Status,
        plan::Plan,
    },
};

/// Filters; all must match.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WatchClusters {
    /// The id of the last event received; delivery resumes after it.
    #[schemars(regex(pattern = "^[0-9]{1,19}$"), extend("x-message" = "must be the id of an event"))]
    last_event_id: Option<String>,
    /// The owner. By default the caller or, for admins, every user; only admins may name another user.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    user_id: Option<String>,
    #[schemars(range(min = 1, max = 9007199254740991i64))]
    cluster_id: Option<i64>,
    plan: Option<Plan>,
    /// The status after the change.
    status: Option<Status>,
}

/// A change to a cluster, or the state of the subscription.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum ClusterChange {
    /// The first event, unless `lastEventId` was given. A client that reads its list after this event misses no change.
    Ready {
        /// The position after which delivery continues.
        id: String,
    },
    /// The cluster was created.
    Created(ChangedCluster),
    /// Its name or location changed.
    Updated(ChangedCluster),
    /// Its status changed.
    StatusChanged(ChangedCluster),
    /// The cluster was deleted.
    Deleted(ChangedCluster),
    /// The cluster was restored.
    Restored(ChangedCluster),
    /// The client was too slow and the server switches to reading the event log. No event is skipped.
    Lagged {
        /// The position after which delivery continues.
        id: String,
    },
}

/// An event and the cluster that it changed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct ChangedCluster {
    /// A decimal number that increases from event to event.
    id: String,
    /// The time of the change.
    at: Timestamp,
    /// The cluster after the change.
    cluster: ClusterOutput,
}

/// The handler of `k8s.watch`.
///
/// # Errors
/// UNAUTHORIZED in a public procedure; BAD_REQUEST for a position that is not a known event id.
pub fn watch(call: &mut Call<'_>, input: WatchClusters) -> Result<Watch<ClusterEvent, ClusterChange>> {
    let WatchClusters { last_event_id, user_id, cluster_id, plan, status } = input;
    let own = (!call.acts_as_service()).then(|| call.caller().map(|caller| caller.id.clone())).transpose()?;
    let filter = ClusterEventFilter { owner: user_id.or(own), cluster_id, plan, status };
    let (permitted_owner, read_filter) = (filter.owner.clone(), filter.clone());
    let select = move |signal: Signal<'_, ClusterEvent>| match signal {
        Signal::Event(event) => filter.matches(event).then(|| ClusterChange::from(event)),
        Signal::Ready { last } => Some(ClusterChange::Ready { id: last.to_string() }),
        Signal::Lagged { last } => Some(ClusterChange::Lagged { id: last.to_string() }),
    };
    Watch::new(select)
        .permit(move |call| authorize(call, permitted_owner.as_deref()))
        .read(move |conn, page| Ok(ClusterEvent::page(conn, &read_filter, page)?))
        .resume(last_event_id.as_deref())
}

/// Refuses callers who may not watch the clusters of `owner`, or of all users without one.
fn authorize(call: &Call<'_>, owner: Option<&str>) -> Result<()> {
    if owner == Some(call.caller()?.id.as_str()) || call.acts_as_service() {
        return Ok(());
    }
    Err(Error::Forbidden("You can watch your own clusters only."))
}

impl From<&ClusterEvent> for ClusterChange {
    fn from(event: &ClusterEvent) -> Self {
        let change = ChangedCluster { id: event.id.to_string(), at: event.created_at, cluster: event.into() };
        match event.kind {
            EventKind::Created => Self::Created(change),
            EventKind::Updated => Self::Updated(change),
            EventKind::StatusChanged => Self::StatusChanged(change),
            EventKind::Deleted => Self::Deleted(change),
            EventKind::Restored => Self::Restored(change),
        }
    }
}
