//! Writes rows with PostgreSQL's COPY, in its text format (PostgreSQL manual, COPY, "Text Format").

use diesel::{
    ExecuteCopyFromDsl, PgConnection, QueryResult, copy_from, pg::CopyTarget, result::Error::SerializationError,
};

use super::text_row::TextRow;
use crate::schema::{
    active_days, active_users, api_tokens, audit_counts, audit_events, audit_log, audit_seals, cluster_days,
    cluster_events, cluster_series, cluster_totals, customers, gone_stripe_customers, k8s_cluster_configs, log_starts,
    payments, rate_limits, revenue_months, scheduled_jobs, sessions, sign_in_links, sign_up_days, stored_answers,
    stripe_events, stripe_subscriptions, used_sign_ins, user_tombstones, users, webhook_failure_days,
};

/// Writes rows, which have a value for each column of a table.
pub(super) type Writer = fn(&mut PgConnection, &[TextRow]) -> QueryResult<()>;

/// Not the column that the database computes.
type UserColumns = (
    users::id,
    users::name,
    users::email,
    users::image,
    users::role,
    users::created_at,
    users::updated_at,
    users::deleted_at,
);

/// What writes into a table. None for one that is not ours.
pub(super) fn writer(table: &str) -> Option<Writer> {
    Some(match table {
        "active_days" => write::<active_days::table>,
        "active_users" => write::<active_users::table>,
        "api_tokens" => write::<api_tokens::table>,
        "audit_counts" => write::<audit_counts::table>,
        "audit_events" => write::<audit_events::table>,
        "audit_log" => write::<audit_log::table>,
        "audit_seals" => write::<audit_seals::table>,
        "cluster_days" => write::<cluster_days::table>,
        "cluster_events" => write::<cluster_events::table>,
        "cluster_series" => write::<cluster_series::table>,
        "cluster_totals" => write::<cluster_totals::table>,
        "customers" => write::<customers::table>,
        "gone_stripe_customers" => write::<gone_stripe_customers::table>,
        "k8s_cluster_configs" => write::<k8s_cluster_configs::table>,
        "log_starts" => write::<log_starts::table>,
        "payments" => write::<payments::table>,
        "rate_limits" => write::<rate_limits::table>,
        "revenue_months" => write::<revenue_months::table>,
        "scheduled_jobs" => write::<scheduled_jobs::table>,
        "sessions" => write::<sessions::table>,
        "sign_in_links" => write::<sign_in_links::table>,
        "sign_up_days" => write::<sign_up_days::table>,
        "stored_answers" => write::<stored_answers::table>,
        "stripe_events" => write::<stripe_events::table>,
        "stripe_subscriptions" => write::<stripe_subscriptions::table>,
        "used_sign_ins" => write::<used_sign_ins::table>,
        "user_tombstones" => write::<user_tombstones::table>,
        "users" => write::<UserColumns>,
        "webhook_failure_days" => write::<webhook_failure_days::table>,
        _ => return None,
    })
}

fn write<C: CopyTarget + Default>(pg: &mut PgConnection, rows: &[TextRow]) -> QueryResult<()>
where
    C::Table: Default,
{
    let mut text = String::new();
    rows.iter().for_each(|row| add(row, &mut text));
    copy_from(C::Table::default())
        .from_raw_data(C::default(), |copy| {
            copy.write_all(text.as_bytes()).map_err(|error| SerializationError(Box::new(error)))
        })
        .execute(pg)
        .map(drop)
}

/// Adds a row as COPY reads it.
fn add(row: &TextRow, text: &mut String) {
    for (at, value) in row.0.iter().enumerate() {
        if at > 0 {
            text.push('\t');
        }
        match value {
            None => text.push_str("\\N"),
            Some(value) => value.chars().for_each(|character| match character {
                '\\' => text.push_str("\\\\"),
                '\t' => text.push_str("\\t"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                other => text.push(other),
            }),
        }
    }
    text.push('\n');
}
