//! Numbers over time.

use clusterdesk::{
    db::Timestamp,
    models::{
        cluster_series::{self, Kind},
        payment::Payment,
        plan::Plan,
        series,
    },
};

use super::{Case, case, early};

/// One that is not stored yet.
fn payment() -> Payment {
    let (invoice_id, currency) = ("in_new".to_owned(), "USD".to_owned());
    Payment { invoice_id, paid_at: early(), plan: Plan::Pro, currency, amount: 1 }
}

/// Every function that reads them, as [`super::cases`]. PostgreSQL reads a small table as a whole.
pub fn cases() -> Vec<Case> {
    let (since, until) = (early(), Timestamp::now());
    let lines = &["cluster_series_pkey", "cluster_totals_kind_clusters", "cluster_totals_pkey"];
    vec![
        case(move |conn| drop(series::sign_ups(conn, since, until).unwrap()), &["on sign_up_days"]),
        case(move |conn| assert!(!series::changes(conn, since, until).unwrap().is_empty()), &["on audit_counts"]),
        // The rows of earlier days and of other lines are not read.
        case(move |conn| drop(cluster_series::changes_after(conn, since, Kind::Plan).unwrap()), lines),
        case(
            move |conn| assert!(cluster_series::changes_after(conn, since, Kind::Location).unwrap().len() > 20),
            lines,
        ),
        case(|conn| assert_eq!(cluster_series::is_due(conn), Ok(true)), &["on cluster_days"]),
        case(|conn| assert_eq!(cluster_series::fold(conn, 1), Ok(1)), &["cluster_days"]),
        case(move |conn| assert_eq!(cluster_series::forget_locations(conn, until, 10), Ok(10)), lines),
        case(move |conn| assert!(!series::active(conn, since, until).unwrap().is_empty()), &["on active_days"]),
        case(move |conn| assert_eq!(series::forget_active(conn, until, 10), Ok(10)), &["active_users"]),
        case(move |conn| drop(series::revenue(conn, since, until).unwrap()), &["on revenue_months"]),
        case(move |conn| drop(series::webhook_failures(conn, since, until).unwrap()), &["on webhook_failure_days"]),
        case(|conn| assert_eq!(payment().store(conn), Ok(true)), &[]),
    ]
}
