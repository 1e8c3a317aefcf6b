//! Numbers over time.

use clusterdesk::{
    db::Timestamp,
    models::{payment::Payment, plan::Plan, series},
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
    vec![
        case(move |conn| drop(series::sign_ups(conn, since, until).unwrap()), &["on sign_up_days"]),
        case(move |conn| assert!(!series::changes(conn, since, until).unwrap().is_empty()), &["on audit_counts"]),
        // The rows of earlier days are not read.
        case(
            move |conn| drop(series::clusters_after(conn, since, series::Kind::Plan).unwrap()),
            &["cluster_days_pkey"],
        ),
        case(
            move |conn| drop(series::clusters_after(conn, since, series::Kind::Location).unwrap()),
            &["cluster_days_pkey"],
        ),
        case(move |conn| assert!(!series::active(conn, since, until).unwrap().is_empty()), &["on active_days"]),
        case(move |conn| assert_eq!(series::forget_active(conn, until, 10), Ok(10)), &["active_users"]),
        case(move |conn| drop(series::revenue(conn, since, until).unwrap()), &["on revenue_months"]),
        case(move |conn| drop(series::webhook_failures(conn, since, until).unwrap()), &["on webhook_failure_days"]),
        case(|conn| assert_eq!(payment().store(conn), Ok(true)), &[]),
    ]
}
