//! What admins read about one user, one cluster and the server.

use clusterdesk::{
    db::DbConnection,
    models::{any_user::AnyUser, cluster_event::ClusterEvent, k8s::ClusterRow, scheduled_job},
};

use super::{Case, USER, browsing, case, position};

/// Every look-up, as [`super::cases`].
pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        case(|conn| assert!(AnyUser::find(conn, USER).unwrap().is_some()), &[]),
        case(|conn| assert_eq!(AnyUser::among(conn, &["user_1", USER, "nobody"]).unwrap().len(), 2), &[]),
        case(|conn| assert!(ClusterRow::find(conn, 7).unwrap().is_some()), &[]),
        case(|conn| assert_eq!(scheduled_job::last(conn, "purge"), Ok(None)), &["on scheduled_jobs"]),
    ];
    for after in [None, Some(70_000)] {
        let after = after.map(position);
        let page = move |conn: &mut DbConnection| {
            assert!(ClusterEvent::history(conn, 7, after.as_ref(), 21).unwrap().len() < 21);
        };
        cases.push(browsing(page, &["cluster_events_cluster_id_id"]));
    }
    cases
}
