//! Statements for the rows of many calls. SQLite runs one for each call instead of a step.

use clusterdesk::{
    db::{Loader, Step, Timestamp},
    models::{
        audit::NewAuditEntry,
        customer::Customers,
        k8s::{Cluster, ClusterChanges},
        k8s_sets::{Creation, Deletion, LiveClusters, Update},
        plan::Plan,
        user::User,
        user_sets::{LiveUsers, LockedUsers, Rename},
    },
};

use super::{Case, USER, case};

/// Another user with a customer and clusters.
const OTHER: &str = "user_59994";
const BOTH: [&str; 2] = [USER, OTHER];

/// Any entry.
pub fn audit_entry(created_at: Timestamp) -> NewAuditEntry {
    let [actor_id, entity_id, detail, request_id] = ["user_7", "1", "null", "x"].map(str::to_owned);
    NewAuditEntry { created_at, actor_id, procedure: "k8s.create", entity: "cluster", entity_id, detail, request_id }
}

/// Every step and loader, as [`super::cases`].
pub fn cases() -> Vec<Case> {
    let at = Timestamp::now();
    let live = &["k8s_cluster_configs_live_owner_plan"];
    let owned =
        &["k8s_cluster_configs_live_owner_plan", "k8s_cluster_configs_live_id", "k8s_cluster_configs_auth_user_id_id"];
    vec![
        case(|conn| assert_eq!(LiveUsers::load(conn, &BOTH).unwrap().len(), 2), &[]),
        case(|conn| assert_eq!(LockedUsers::load(conn, &BOTH).unwrap().len(), 2), &[]),
        case(|conn| assert_eq!(Customers::load(conn, &BOTH).unwrap().len(), 2), &[]),
        case(|conn| assert_eq!(LiveClusters::load(conn, &BOTH).unwrap().len(), 2), owned),
        case(
            move |conn| {
                let taken = Cluster::of(conn, OTHER).unwrap()[0].row.plan;
                let wish = |owner: &str, plan| {
                    let (name, location) = ("a".to_owned(), "eu".to_owned());
                    Creation { owner: owner.to_owned(), name, location, plan, at }
                };
                let created = Creation::take(conn, &[wish(USER, Plan::Business), wish(OTHER, taken)]).unwrap();
                assert!(created[0].is_ok() && created[1].is_err(), "{created:?}");
            },
            live,
        ),
        case(
            move |conn| {
                let id = Cluster::of(conn, USER).unwrap()[0].row.id;
                let wish = |owner: &str| {
                    let changes = ClusterChanges { name: Some("a".to_owned()), location: None, updated_at: at };
                    Update { owner: owner.to_owned(), id, changes }
                };
                assert_eq!(Update::take(conn, &[wish(USER), wish(OTHER)]), Ok(vec![true, false]));
            },
            owned,
        ),
        case(
            move |conn| {
                let id = Cluster::of(conn, USER).unwrap()[0].row.id;
                let wish = |owner: &str| Deletion { owner: owner.to_owned(), id, at };
                assert_eq!(Deletion::take(conn, &[wish(USER), wish(OTHER)]), Ok(vec![true, false]));
            },
            owned,
        ),
        case(
            move |conn| {
                let wishes = BOTH.map(|id| {
                    let user = User::find(conn, id).unwrap().unwrap();
                    Rename { user, name: "Ann".to_owned(), at }
                });
                assert_eq!(Rename::take(conn, &wishes), Ok(vec![true, true]));
            },
            &[],
        ),
        case(
            move |conn| {
                let taken = NewAuditEntry::take(conn, &[audit_entry(at), audit_entry(at)]);
                assert_eq!(taken.map(|taken| taken.len()), Ok(2));
            },
            &[],
        ),
    ]
}
