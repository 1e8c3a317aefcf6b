//! Numbers over time.

use clusterdesk::models::series;

use super::{Case, case, early};

/// Every function that reads them, as [`super::cases`]. PostgreSQL reads a small table as a whole.
pub fn cases() -> Vec<Case> {
    let (since, until) = (early(), clusterdesk::db::Timestamp::now());
    vec![
        case(move |conn| drop(series::sign_ups(conn, since, until).unwrap()), &["on sign_up_days"]),
        case(move |conn| assert!(!series::changes(conn, since, until).unwrap().is_empty()), &["on audit_counts"]),
        case(
            move |conn| drop(series::clusters_after(conn, since, series::Kind::Location).unwrap()),
            &["on cluster_days"],
        ),
    ]
}
