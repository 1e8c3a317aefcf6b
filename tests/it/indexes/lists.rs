//! The lists for admins, from both ends, and their totals.

use clusterdesk::{
    db::{DbConnection, Timestamp},
    models::{
        audit::{self, AuditFilter},
        k8s::{ClusterRow, Status},
        k8s_list::ClusterFilter,
        page::{Order, Position},
        plan::Plan,
        stripe_event::{EventFilter, StripeEvent},
        user::Role,
        user_list::{self, NamedId, UserFilter},
    },
};

use super::{Case, USER, browsing, position};

const LIVE_COUNTS: &str = "on live_counts";

/// Every function that reads a list or counts it, as [`super::cases`]. Left out is the search of users, which reads all.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for order in [Order::Descending, Order::Ascending] {
        for after in [None, Some(70_000)] {
            let after = after.map(position);
            cases.extend(users(order, after.clone().map(|Position { at, id }| Position { at, id: id.to_string() })));
            cases.extend(clusters(order, after.clone()));
            cases.extend(entries(order, after.clone()));
            for (failed, index) in [(false, "stripe_events_received_at_id"), (true, "stripe_events_failed")] {
                let at = after.clone().map(|Position { at, id }| Position { at, id: id.to_string() });
                let filter = EventFilter { failed };
                let page = move |conn: &mut DbConnection| {
                    drop(StripeEvent::page(conn, &filter, order, at.as_ref(), 21).unwrap());
                    assert!(StripeEvent::total(conn, &filter).unwrap().count >= 100);
                };
                cases.push(browsing(page, &[index]));
            }
        }
    }
    cases
}

fn users(order: Order, after: Option<Position<String>>) -> Vec<Case> {
    let owned =
        ["k8s_cluster_configs_auth_user_id_id", "k8s_cluster_configs_live_owner_plan", "k8s_cluster_configs_live_id"];
    let mut cases = Vec::new();
    for include_deleted in [false, true] {
        let at = after.clone();
        let filter = UserFilter { include_deleted, ..UserFilter::default() };
        let by_time = move |conn: &mut DbConnection| {
            assert_eq!(user_list::page(conn, &filter, order, at.as_ref(), 21).unwrap().len(), 21);
        };
        cases.push(browsing(by_time, &["users_created_at_id", owned[0], owned[1]]));
        let named = |Position { at, id }| Position { at, id: NamedId { name: "Name 5".to_owned(), id } };
        let at = after.clone().map(named);
        let filter = UserFilter { include_deleted, ..UserFilter::default() };
        let by_name = move |conn: &mut DbConnection| {
            assert_eq!(user_list::page_by_name(conn, &filter, order, at.as_ref(), 21).unwrap().len(), 21);
        };
        cases.push(browsing(by_name, &["users_name_id", owned[0], owned[1]]));
        let filter = UserFilter { include_deleted, ..UserFilter::default() };
        cases.push(browsing(
            move |conn| assert!(user_list::total(conn, &filter).unwrap().is_some()),
            &[LIVE_COUNTS, "users_deleted_at"],
        ));
        let filter = UserFilter { include_deleted, role: Some(Role::Admin), ..UserFilter::default() };
        let at = after.clone();
        let admins = move |conn: &mut DbConnection| {
            drop(user_list::page(conn, &filter, order, at.as_ref(), 21).unwrap());
            assert_eq!(user_list::total(conn, &filter).unwrap().unwrap().count, 5);
        };
        cases.push(browsing(admins, &["users_admins", owned[0], owned[1]]));
    }
    let filter = UserFilter { role: Some(Role::User), ..UserFilter::default() };
    let others = move |conn: &mut DbConnection| {
        assert_eq!(user_list::page(conn, &filter, order, after.as_ref(), 21).unwrap().len(), 21);
        assert!(user_list::total(conn, &filter).unwrap().is_some());
    };
    cases.push(browsing(others, &["users_created_at_id", "users_admins", LIVE_COUNTS, owned[0], owned[1]]));
    cases
}

fn clusters(order: Order, after: Option<Position<i64>>) -> Vec<Case> {
    let mut cases = Vec::new();
    for include_deleted in [false, true] {
        let all = ClusterFilter { include_deleted, ..ClusterFilter::default() };
        let choose = |with_deleted: &'static [&'static str], live: &'static [&'static str]| {
            if include_deleted { with_deleted } else { live }
        };
        for (filter, indexes) in [
            (
                all.clone(),
                choose(
                    &["SCAN k8s_cluster_configs", "_pkey", LIVE_COUNTS, "k8s_cluster_configs_deleted_at"],
                    &["k8s_cluster_configs_live_id", LIVE_COUNTS],
                ),
            ),
            (ClusterFilter { status: Some(Status::Initing), ..all.clone() }, &["k8s_cluster_configs_status_id"]),
            (
                ClusterFilter { plan: Some(Plan::Business), ..all.clone() },
                choose(&["k8s_cluster_configs_plan_id"], &["k8s_cluster_configs_live_plan_id"]),
            ),
            (
                ClusterFilter { user_id: Some(USER.to_owned()), ..all.clone() },
                choose(&["k8s_cluster_configs_auth_user_id_id"], &["k8s_cluster_configs_live_owner_plan"]),
            ),
        ] {
            let at = after.clone();
            let page = move |conn: &mut DbConnection| {
                drop(ClusterRow::page(conn, &filter, order, at.as_ref(), 21).unwrap());
                assert!(ClusterRow::total(conn, &filter).unwrap().is_some());
            };
            cases.push(browsing(page, indexes));
        }
    }
    cases
}

fn entries(order: Order, after: Option<Position<i64>>) -> Vec<Case> {
    const BY_TIME: &str = "audit_log_created_at_id";
    const BY_PROCEDURE: &str = "audit_log_procedure_created_at_id";
    const BY_OBJECT: &str = "audit_log_entity_id_entity_created_at_id";

    let (all, some) = (AuditFilter::default(), |text: &str| Some(text.to_owned()));
    let since = Some(position(0).at);
    let filters = [
        (all.clone(), &[BY_TIME][..]),
        (AuditFilter { since, until: Some(Timestamp::now()), ..all.clone() }, &[BY_TIME]),
        (AuditFilter { actor_id: some("user_7"), ..all.clone() }, &["audit_log_actor_id_created_at_id"]),
        (AuditFilter { procedure: some("user.delete"), ..all.clone() }, &[BY_PROCEDURE]),
        // Of a common procedure, reading all entries of the time is as good.
        (AuditFilter { procedure: some("k8s.create"), since, ..all.clone() }, &[BY_PROCEDURE, BY_TIME]),
        (AuditFilter { entity: some("database"), ..all.clone() }, &["audit_log_entity_created_at_id"]),
        (AuditFilter { entity_id: some("77"), ..all.clone() }, &[BY_OBJECT]),
        (AuditFilter { entity: some("cluster"), entity_id: some("77"), ..all }, &[BY_OBJECT]),
    ];
    let case = |(filter, indexes): (AuditFilter, &'static [&'static str])| {
        let at = after.clone();
        let page = move |conn: &mut DbConnection| {
            drop(audit::list(conn, &filter, order, at.as_ref(), 21).unwrap());
            assert!(audit::total(conn, &filter).unwrap().is_some());
        };
        browsing(page, indexes)
    };
    filters.into_iter().map(case).collect()
}
