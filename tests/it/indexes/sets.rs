//! Statements for the rows of many calls. SQLite runs one for each call instead of a step.

use std::sync::atomic::{AtomicU32, Ordering};

use clusterdesk::{
    db::{Loader, Step, Timestamp},
    models::{
        audit::{Door, NewAuditEntry},
        customer::Customers,
        k8s::{Cluster, ClusterChanges},
        k8s_sets::{Creation, Deletion, LiveClusters, Update},
        plan::Plan,
        stored_answer::{StoredAnswer, StoredAnswers, place},
        user::User,
        user_sets::{LiveUsers, LockedUsers, Rename},
    },
};

use super::{Case, USER, case, early};

/// Another user with a customer and clusters.
const OTHER: &str = "user_59994";
const BOTH: [&str; 2] = [USER, OTHER];
/// The next user, of every third one, whom no test has locked.
static NEXT: AtomicU32 = AtomicU32::new(10_000);

/// Any entry.
pub fn audit_entry(created_at: Timestamp) -> NewAuditEntry {
    let [actor_id, entity_id, detail, request_id] = ["user_7", "1", "null", "x"].map(str::to_owned);
    let (client_address, token_id, door) = (Some("::1".to_owned()), Some(7), Door::Trpc);
    let (procedure, entity) = ("k8s.create", "cluster");
    NewAuditEntry {
        created_at,
        actor_id,
        procedure,
        entity,
        entity_id,
        detail,
        request_id,
        client_address,
        token_id,
        door,
    }
}

/// Every step and loader, as [`super::cases`].
pub fn cases() -> Vec<Case> {
    let at = Timestamp::now();
    let live = &["k8s_cluster_configs_live_owner_plan"];
    let owned =
        &["k8s_cluster_configs_live_owner_plan", "k8s_cluster_configs_live_id", "k8s_cluster_configs_auth_user_id_id"];
    vec![
        case(|conn| assert_eq!(LiveUsers::load(conn, &BOTH).unwrap().len(), 2), &[]),
        case(
            |conn| {
                // It leaves out users whom another test has locked.
                let first = 3 * NEXT.fetch_add(2, Ordering::Relaxed);
                let ids = [first, first + 3].map(|number| format!("user_{number}"));
                let found = LockedUsers::load(conn, &[&ids[0], &ids[1]]).unwrap();
                assert_eq!(found.len(), 2, "{ids:?}");
            },
            &[],
        ),
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
        case(
            |conn| {
                let places = [place("user_7", "key"), place("user_9", "key"), place("user_9", "other")];
                let places: Vec<&str> = places.iter().map(String::as_str).collect();
                assert_eq!(StoredAnswers::load(conn, &places).unwrap().len(), 2);
            },
            &[],
        ),
        case(
            move |conn| {
                let answer = |user: &str| {
                    let [user_id, idempotency_key] = [user, "new"].map(str::to_owned);
                    let fingerprint = "f".repeat(43);
                    StoredAnswer { user_id, idempotency_key, fingerprint, output: None, created_at: at }
                };
                assert_eq!(StoredAnswer::take(conn, &[answer(USER), answer(OTHER)]).map(|taken| taken.len()), Ok(2));
                assert_eq!(StoredAnswer::complete(conn, (USER, "new"), at, "{}"), Ok(true));
                assert_eq!(StoredAnswer::release(conn, USER, "new", at), Ok(false));
                assert_eq!(StoredAnswer::release(conn, OTHER, "new", at), Ok(true));
                let kept = answer(USER);
                assert_eq!(kept.forget(conn), Ok(true));
                kept.insert(conn).unwrap();
                assert_eq!(StoredAnswer::forget_all(conn, USER), Ok(1));
            },
            &[],
        ),
        case(|conn| assert_eq!(StoredAnswer::purge(conn, early(), 7), Ok(7)), &["stored_answers_created_at"]),
        case(|conn| assert_eq!(StoredAnswer::purge(conn, early(), 99), Ok(19)), &["stored_answers_created_at"]),
    ]
}
