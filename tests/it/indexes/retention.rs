//! The removal of what is old.

use clusterdesk::{
    db::{DbConnection, Timestamp},
    models::{
        audit_address,
        audit_event::AuditEvent,
        audit_seal::AuditSeal,
        cluster_event::ClusterEvent,
        deleted_user::{DeletedUser, erase},
        event_log::set_purged,
        k8s::{Cluster, DeletedCluster},
        page::Position,
        scheduled_job::claim,
        session::Session,
        sign_in_link,
        stripe_event::StripeEvent,
        used_sign_in,
    },
};

use super::{Case, USER, case};

/// A time shortly after the first rows.
pub fn early() -> Timestamp {
    Timestamp::from_millis(1_767_225_620_000).unwrap()
}

/// Every function that removes, as [`super::cases`].
pub fn cases() -> Vec<Case> {
    let (now, clusters, users) = (Timestamp::now(), "k8s_cluster_configs_deleted_at", "users_deleted_at");
    let owned = &["k8s_cluster_configs_auth_user_id_id", "k8s_cluster_configs_live_owner_plan"];
    let after = Position { at: early(), id: "user_1".to_owned() };
    vec![
        case(|conn| assert!(DeletedCluster::count_old(conn, early()).unwrap() > 1), &[clusters]),
        case(|conn| assert_eq!(DeletedCluster::purge(conn, early(), 3), Ok(3)), &[clusters]),
        case(|conn| assert_eq!(DeletedUser::count_old(conn, early()), Ok(0)), &[users]),
        case(|conn| assert!(DeletedUser::old(conn, None, early(), 20).unwrap().is_empty()), &[users]),
        case(move |conn| assert!(DeletedUser::old(conn, Some(&after), early(), 20).unwrap().is_empty()), &[users]),
        case(|conn| assert!(DeletedUser::find_locked(conn, USER).unwrap().is_none()), &[]),
        case(
            move |conn: &mut DbConnection| {
                Cluster::soft_delete_all(conn, USER, now).unwrap();
                assert_eq!(erase(conn, USER, now).unwrap().unwrap().len(), 1);
            },
            &[
                owned[0],
                owned[1],
                "api_tokens_user_id",
                "sessions_user_id",
                "sign_in_links_user_id",
                "audit_log_actor_id_created_at_id",
            ],
        ),
        case(|conn| assert_eq!(audit_address::forget_of(conn, "user_7"), Ok(0)), &["audit_log_actor_id_created_at_id"]),
        case(|conn| assert_eq!(audit_address::forgotten_through(conn), Ok(0)), &["log_starts"]),
        case(|conn| assert_eq!(audit_address::old(conn, 0, early(), 5).unwrap().through, Some(5)), &["_pkey"]),
        case(|conn| assert_eq!(audit_address::forget(conn, 0, 5), Ok(0)), &["_pkey", "log_starts"]),
        case(|conn| assert_eq!(AuditEvent::old(conn, 0, early(), 5).unwrap().len(), 5), &["_pkey"]),
        case(|conn| assert_eq!(AuditEvent::purge(conn, 5), Ok(5)), &["_pkey", "log_starts"]),
        case(|conn| assert!(!ClusterEvent::old(conn, 0, Timestamp::now(), 1000).unwrap().is_empty()), &["_pkey"]),
        case(|conn| assert_eq!(ClusterEvent::purge(conn, 3), Ok(3)), &["_pkey", "log_starts"]),
        case(|conn| drop(AuditSeal::newest(conn).unwrap()), &["SCAN audit_seals", "_pkey"]),
        case(|conn| assert!(AuditSeal::find(conn, 7).unwrap().is_some()), &["_pkey"]),
        case(|conn| assert_eq!(AuditSeal::after(conn, 7, 500).unwrap().len(), 500), &["_pkey"]),
        case(|conn| assert_eq!(AuditEvent::between(conn, 10, 20, 500).unwrap().len(), 10), &["_pkey"]),
        case(move |conn| assert_eq!(claim(conn, "purge", now, early()), Ok(true)), &["_pkey", "scheduled_jobs"]),
        case(|conn| set_purged(conn, "cluster_events", 3).unwrap(), &["_pkey", "log_starts"]),
        case(|conn| assert_eq!(StripeEvent::count_failed(conn), Ok(100)), &["stripe_events_failed"]),
        case(|conn| assert!(StripeEvent::count_old(conn, early()).unwrap() > 10), &["stripe_events_processed_at"]),
        case(|conn| assert_eq!(StripeEvent::purge(conn, early(), 5), Ok(5)), &["stripe_events_processed_at"]),
        case(|conn| assert_eq!(Session::purge(conn, early(), 5), Ok(5)), &["sessions_expires_at"]),
        case(|conn| assert_eq!(sign_in_link::purge(conn, early(), 5), Ok(5)), &["sign_in_links_expires_at"]),
        case(|conn| assert_eq!(used_sign_in::purge(conn, early(), 5), Ok(5)), &["used_sign_ins_expires_at"]),
    ]
}
