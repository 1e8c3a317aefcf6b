//! `k8s.watch`: what happens to clusters, as it happens.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::k8s::ClusterOutput;
use crate::{
    db::Timestamp,
    error::Result,
    models::{
        cluster_event::{ClusterEvent, EventKind},
        k8s::Status,
        plan::Plan,
    },
    rpc::{Call, Signal, Watch},
};

/// Only events of which all that is said here is true.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WatchClusters {
    /// The id of the last event that was seen. What came after it comes first.
    #[schemars(regex(pattern = "^[0-9]{1,19}$"))]
    last_event_id: Option<String>,
    /// Whose clusters: anybody's for an admin, who else sees everybody's.
    #[schemars(length(min = 1, max = 255))]
    user_id: Option<String>,
    #[schemars(range(min = 1, max = 9007199254740991i64))]
    cluster_id: Option<i64>,
    plan: Option<Plan>,
    /// The status that the event left the cluster in.
    status: Option<Status>,
}

/// What happened to a cluster, or to the watcher.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum ClusterChange {
    /// The first event, unless `lastEventId` was given: what happens from here on will come. A client that reads its list
    /// now misses nothing.
    Ready {
        id: String,
    },
    Created(Change),
    Updated(Change),
    StatusChanged(Change),
    Deleted(Change),
    Restored(Change),
    /// The watcher was too slow. What it missed after this event follows.
    Lagged {
        id: String,
    },
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Change {
    /// A decimal number, greater than that of every event before.
    id: String,
    at: Timestamp,
    /// As the change left it.
    cluster: ClusterOutput,
}

pub fn watch(call: &mut Call<'_>, input: WatchClusters) -> Result<Watch<ClusterChange>> {
    let WatchClusters { last_event_id, user_id, cluster_id, plan, status } = input;
    let own = (!call.acts_as_admin()).then(|| call.caller().map(|caller| caller.id.clone())).transpose()?;
    let wanted = move |event: &ClusterEvent| {
        cluster_id.is_none_or(|id| event.cluster_id == id)
            && plan.is_none_or(|plan| event.plan == plan)
            && status.is_none_or(|status| event.status == status)
    };
    let select = move |signal: Signal<'_>| match signal {
        Signal::Event(event) => wanted(event).then(|| ClusterChange::from(event)),
        Signal::Ready { last } => Some(ClusterChange::Ready { id: last.to_string() }),
        Signal::Lagged { last } => Some(ClusterChange::Lagged { id: last.to_string() }),
    };
    Watch::new(user_id.or(own), select).resume(last_event_id.as_deref())
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
