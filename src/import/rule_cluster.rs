//! What becomes of an old cluster.

use super::{
    fault::{CheckedRow, Fault},
    rule_user::cut,
};
use crate::{
    db::Timestamp,
    models::{
        k8s::{ClusterRow, Status},
        old::OldCluster,
    },
};

const NAME: usize = 100;
const LOCATION: usize = 50;
const NETWORK: usize = 100;

/// The new row of a cluster. Its user's other clusters are considered apart.
pub fn cluster(old: &OldCluster) -> CheckedRow<ClusterRow> {
    let mut faults = Vec::new();
    if old.id < 1 {
        faults.push(Fault::RowId);
    }
    if old.plan.is_none() {
        faults.push(Fault::NoPlan);
    }
    if old.has_odd_time {
        faults.push(Fault::Time);
    }
    let status = old.status.unwrap_or(Status::Pending);
    // The flag and the status of the old server could disagree.
    let deleted_at = old.deleted_at.or_else(|| (status == Status::Deleted).then_some(old.updated_at));
    let row = ClusterRow {
        id: old.id,
        name: text(Some(&old.name), "name", NAME, &format!("cluster-{}", old.id), &mut faults),
        location: text(Some(&old.location), "location", LOCATION, "unknown", &mut faults),
        auth_user_id: Some(old.auth_user_id.clone()),
        plan: old.plan.unwrap_or_default(),
        network: text(old.network.as_deref(), "network", NETWORK, "Default", &mut faults),
        status: if deleted_at.is_some() { Status::Deleted } else { status },
        has_run: matches!(status, Status::Running | Status::Stopped),
        created_at: old.created_at,
        updated_at: old.updated_at,
        deleted_at,
    };
    CheckedRow { row, faults }
}

/// Makes a cluster a deleted one.
pub fn delete(row: &mut ClusterRow, now: Timestamp) {
    row.status = Status::Deleted;
    row.deleted_at = Some(now);
    row.updated_at = now;
}

/// A text of a few characters; `other` if there is none.
fn text(old: Option<&str>, field: &'static str, most: usize, other: &str, faults: &mut Vec<Fault>) -> String {
    if old == Some("") {
        faults.push(Fault::Empty(field));
    }
    let mut text = old.filter(|text| !text.is_empty()).map(str::to_owned);
    cut(&mut text, most, field, faults);
    text.unwrap_or_else(|| other.to_owned())
}
