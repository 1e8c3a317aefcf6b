//! Query plans on a database of realistic size: every statement uses an index, and every index is used by a statement.

mod case;
mod detail;
mod lists;
mod plans;
mod presence;
mod retention;
mod series;
mod sets;
mod stripe;
mod tokens;

use std::{collections::BTreeSet, fs, path::Path};

use clusterdesk::{
    db::{DbConnection, Timestamp},
    models::{
        audit::AuditFilter,
        audit_event::AuditEvent,
        cluster_event::{ClusterEvent, ClusterEventFilter},
        customer::Customer,
        event_log::{EventLog, LogPage},
        k8s::{Cluster, ClusterChanges, ClusterRow, DeletedCluster, NewCluster, Status},
        k8s_list::ClusterFilter,
        page::{Order, Position},
        plan::Plan,
        stats,
        stripe_event::{Receipt, StripeEvent},
        stripe_subscription::StripeSubscription,
        user::{self, NewUser, Role, User},
        user_profile::{Profile, complete},
    },
};

pub use self::{
    case::{Case, browsing, case},
    plans::{Planned, plans_on, with_values},
    retention::early,
    sets::audit_entry,
};
use crate::support::{Backend, On, Sql, TestDatabase, big, both_databases};

/// A user with a customer and clusters.
const USER: &str = "user_59997";

/// The big database of a backend.
pub struct AtSize(pub Backend);

impl On for AtSize {
    async fn on(backend: Backend) -> Self {
        Self(backend)
    }
}

/// In the middle of every list.
fn position<Id>(id: Id) -> Position<Id> {
    Position { at: Timestamp::from_millis(1_767_300_000_000).unwrap(), id }
}

/// Every model function, with the indexes that may serve its statements; an empty list means a primary or unique key.
/// Left out are the search of users and the list of all tokens, which read the whole table.
pub fn cases() -> Vec<Case> {
    let now = Timestamp::now();
    let user = |conn: &mut DbConnection| User::find_locked(conn, USER).unwrap().unwrap();
    let cluster = |conn: &mut DbConnection| Cluster::of(conn, USER).unwrap().remove(0);
    let owned =
        &["k8s_cluster_configs_auth_user_id_id", "k8s_cluster_configs_live_owner_plan", "k8s_cluster_configs_live_id"];
    let live = &["k8s_cluster_configs_live_owner_plan"];
    let graveyard = &["k8s_cluster_configs_auth_user_id_deleted_at_id"];
    let mut cases = vec![
        case(move |conn| drop(user(conn)), &[]),
        case(move |conn| assert_eq!(user(conn).set_name(conn, "Ann", now), Ok(true)), &[]),
        case(move |conn| assert_eq!(user(conn).set_role(conn, Role::Admin, now), Ok(true)), &[]),
        case(move |conn| assert_eq!(user(conn).soft_delete(conn, now), Ok(true)), &[]),
        case(
            move |conn| {
                let profile = Profile { name: None, email: None, image: Some("https://i/a.png") };
                complete(conn, USER, &profile, now).unwrap();
                assert!(!User::find(conn, USER).unwrap().unwrap().lacks(&profile));
            },
            &[],
        ),
        case(|conn| assert!(user::admin_exists(conn).unwrap()), &["users_admins"]),
        case(|conn| drop(user::oldest_admin(conn).unwrap()), &["users_admins"]),
        case(
            |conn| {
                let admin = user::oldest_admin(conn).unwrap().unwrap();
                assert!(!admin.is_last_admin(conn).unwrap());
            },
            &["users_admins"],
        ),
        case(
            move |conn| {
                let new = NewUser { id: "new".to_owned(), name: None, email: None, image: None, role: Role::User };
                let user = user::provision(conn, &new, now).unwrap().unwrap();
                assert!(user::exists(conn, &user.id).unwrap());
            },
            &["users_pkey", "sqlite_autoindex_users_1"],
        ),
        case(|conn| drop(Customer::of(conn, USER).unwrap()), &[]),
        case(move |conn| assert!(Customer::create(conn, "user_1", now).is_ok()), &[]),
        case(|conn| assert_eq!(Customer::delete_of(conn, USER), Ok(true)), &[]),
        // At a time shortly after the first rows all of them still count.
        case(
            |conn| assert!(stats::counts(conn, early()).unwrap().paying > 0),
            &["customers_period_end_plan", "audit_log_created_at_id"],
        ),
        case(move |conn| drop(cluster(conn)), live),
        case(move |conn| drop(Cluster::find(conn, USER, 7).unwrap()), owned),
        case(move |conn| drop(Cluster::find_any(conn, 7).unwrap()), &owned[2..]),
        case(
            move |conn| {
                let new = NewCluster { owner: USER, name: "a", location: "eu", plan: Plan::Business };
                Cluster::create(conn, &new, now).unwrap();
            },
            &[],
        ),
        case(
            move |conn| {
                let changes = ClusterChanges { name: Some("a".to_owned()), location: None, updated_at: now };
                assert!(!Cluster::update(conn, "nobody", 59_999, &changes).unwrap());
                assert!(!Cluster::soft_delete(conn, "nobody", 59_999, now).unwrap());
            },
            owned,
        ),
        case(
            move |conn| assert!(cluster(conn).set_status(conn, Status::Stopped, now).unwrap()),
            &[owned[0], owned[1], owned[2], "k8s_cluster_configs_status_id"],
        ),
        case(move |conn| drop(Cluster::soft_delete_all(conn, USER, now).unwrap()), owned),
        case(
            move |conn| {
                Cluster::soft_delete_all(conn, USER, now).unwrap();
                assert_eq!(DeletedCluster::disown_all(conn, USER, now).unwrap().len(), 1);
            },
            owned,
        ),
        case(|conn| drop(Cluster::count_by_owner(conn, &["user_1", USER]).unwrap()), owned),
        case(|conn| assert_eq!(ClusterRow::count_of(conn, USER), Ok((1, 0))), &[owned[0], owned[1], graveyard[0]]),
        case(
            move |conn| {
                let deleted = DeletedCluster::find(conn, "user_4", 3).unwrap().unwrap();
                assert!(deleted.restore(conn, "user_4", now).unwrap());
            },
            graveyard,
        ),
        case(|conn| assert!(ClusterEvent::extent(conn).unwrap().newest >= 100_000), &["SCAN cluster_events", "_pkey"]),
        case(|conn| assert_eq!(ClusterEvent::after(conn, 90_000, 256).unwrap().len(), 256), &["_pkey"]),
        case(|conn| assert!(AuditEvent::extent(conn).unwrap().newest >= 100_000), &["SCAN audit_events", "_pkey"]),
        case(|conn| assert_eq!(AuditEvent::after(conn, 0, 256).unwrap().len(), 256), &["_pkey"]),
        case(|conn| assert_eq!(AuditEvent::after(conn, 90_000, 256).unwrap().len(), 256), &["_pkey"]),
        // One user's events are rare among all events, also when reading from the first id.
        case(
            |conn| {
                assert_eq!(ClusterEvent::page(conn, &OWN(), WHOLE).unwrap().events.len(), 1);
                let filter = ClusterEventFilter { plan: Some(Plan::Business), ..OWN() };
                assert_eq!(ClusterEvent::page(conn, &filter, WHOLE).unwrap().through, i64::MAX);
            },
            &["cluster_events_auth_user_id_id"],
        ),
        // Without an owner a part of the log is read by its ids.
        case(
            |conn| {
                let filter = ClusterEventFilter { owner: None, status: Some(Status::Initing), ..OWN() };
                assert!(ClusterEvent::page(conn, &filter, PART).unwrap().events.len() < 10);
            },
            &["_pkey"],
        ),
        case(|conn| assert!(!user::is_gone(conn, USER).unwrap()), &[]),
        case(move |conn| drop(Customer::link(conn, USER, "cus_new", now).unwrap()), &[]),
        case(|conn| assert_eq!(Customer::user_of(conn, "cus_nobody"), Ok(None)), &[]),
        case(
            move |conn| {
                let customer = Customer::of(conn, USER).unwrap().unwrap();
                assert!(customer.set_standing(conn, &customer.standing(), now).unwrap());
            },
            &[],
        ),
        case(
            move |conn| {
                let known = StripeEvent::find(conn, "evt_200").unwrap().unwrap();
                let receipt = Receipt { id: &known.id, kind: &known.kind, created_at: now, payload: "{}" };
                receipt.note(conn, Some(&known), false, None, now).unwrap();
            },
            &[],
        ),
        case(|conn| assert_eq!(StripeEvent::failed(conn).unwrap().len(), 100), &["stripe_events_failed"]),
        case(
            |conn| {
                let subscription = StripeSubscription::find(conn, "sub_7").unwrap().unwrap();
                subscription.store(conn, false).unwrap();
                assert_eq!(StripeSubscription::of(conn, "user_7").unwrap(), [subscription]);
            },
            &["stripe_subscriptions_auth_user_id"],
        ),
        case(
            |conn| assert_eq!(StripeSubscription::adopt(conn, "cus_500", USER), Ok(1)),
            &["stripe_subscriptions_orphans"],
        ),
    ];
    for after in [None, Some(position(70_000))] {
        cases
            .push(case(move |conn| drop(DeletedCluster::page(conn, "user_4", after.as_ref(), 21).unwrap()), graveyard));
    }
    for filter in [
        AuditFilter { actor_id: Some("user_7".to_owned()), ..AuditFilter::default() },
        AuditFilter { entity: Some("cluster".to_owned()), entity_id: Some("77".to_owned()), ..AuditFilter::default() },
    ] {
        cases.push(case(move |conn| drop(AuditEvent::page(conn, &filter, PART).unwrap()), &["_pkey"]));
    }
    let others = [
        lists::cases,
        sets::cases,
        stripe::cases,
        presence::cases,
        retention::cases,
        series::cases,
        tokens::cases,
        detail::cases,
    ];
    cases.into_iter().chain(others.into_iter().flat_map(|cases| cases())).collect()
}

const WHOLE: LogPage = LogPage { after: 0, until: i64::MAX, limit: 256, window: 4000 };
const PART: LogPage = LogPage { after: 50_000, ..WHOLE };
const OWN: fn() -> ClusterEventFilter =
    || ClusterEventFilter { owner: Some(USER.to_owned()), ..ClusterEventFilter::default() };

/// Tables and indexes with few rows, however many users there are. PostgreSQL reads such a table as a whole.
const SMALL: [&str; 16] = [
    "on scheduled_jobs",
    "on log_starts",
    "users_admins",
    "stripe_events_failed",
    "_counts",
    "sign_up_days",
    "active_days",
    "webhook_failure_days",
    "_months",
    // Changes of the last minute, and what a chart's statement makes of them.
    "cluster_days",
    "SCAN recent",
    "SCAN known",
    "SCAN free",
    "SCAN numbers",
    "SCAN line",
    "SCAN CONSTANT ROW",
];

/// Whether a plan reads a whole table. A scan in index or key order that stops when the page is full does not count.
/// Neither does a scan of a small table or index.
fn is_full_scan(Planned { statement, plan }: &Planned) -> bool {
    let ordered_page = statement.contains("LIMIT") && statement.contains("ORDER BY");
    let walk = ordered_page && !plan.iter().any(|line| line.contains("USE TEMP B-TREE"));
    let small = |line: &str| SMALL.iter().any(|few| line.contains(few));
    plan.iter().any(|line| (line.contains("Seq Scan") || line.starts_with("SCAN") && !walk) && !small(line))
}

both_databases! {
    async fn every_statement_uses_its_index(at_size: AtSize) {
        for case in cases() {
            let indexes = case.indexes.clone();
            for planned in case.plans(at_size.0) {
                let Planned { statement, plan } = &planned;
                assert!(!is_full_scan(&planned), "a full scan:\n{statement}\n{}", plan.join("\n"));
                let looks_up = !statement.starts_with("INSERT") && statement.contains("WHERE");
                let by_key = |line: &String| ["_key", "_pkey", "sqlite_autoindex", "PRIMARY KEY"].iter().any(|key| line.contains(key));
                let served = plan.iter().any(|line| by_key(line) || indexes.iter().any(|index| line.contains(index)));
                assert!(!looks_up || served, "served by none of {indexes:?}:\n{statement}\n{}", plan.join("\n"));
            }
        }
    }

    async fn nothing_reads_the_deleted_clusters_of_a_user_to_find_the_live_ones(database: TestDatabase) {
        let mut conn = database.connect();
        let at = "'2026-01-01 10:00:00'";
        let many = match database.backend {
            Backend::Sqlite => "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000) SELECT n FROM c",
            Backend::Postgres => "SELECT n FROM generate_series(1, 10000) AS n",
        };
        conn.run(&format!("
            INSERT INTO users (id, created_at, updated_at) SELECT 'user_' || n, {at}, {at} FROM ({many}) AS m;
            INSERT INTO k8s_cluster_configs (name, location, auth_user_id, plan, created_at, updated_at)
            SELECT 'a', 'eu', 'user_' || n, 'PRO', {at}, {at} FROM ({many}) AS m;
            INSERT INTO k8s_cluster_configs (name, location, auth_user_id, status, created_at, updated_at, deleted_at)
            SELECT 'a', 'eu', 'user_1', 'DELETED', {at}, {at}, {at} FROM ({many}) AS m"));
        for has_statistics in [false, true] {
            if has_statistics {
                conn.run(if database.backend == Backend::Sqlite { "PRAGMA optimize = 0x10012" } else { "VACUUM ANALYZE" });
            }
            let own = ClusterFilter { user_id: Some("user_1".to_owned()), ..ClusterFilter::default() };
            let plan = ClusterFilter { plan: Some(Plan::Free), ..ClusterFilter::default() };
            let mut found = plans_on(&mut conn, |conn| assert_eq!(Cluster::of(conn, "user_1").unwrap().len(), 1));
            found.extend(plans_on(&mut conn, |conn| drop(Cluster::count_by_owner(conn, &["user_1", "user_2"]).unwrap())));
            found.extend(plans_on(&mut conn, |conn| assert_eq!(ClusterRow::page(conn, &own, Order::Descending, None, 21).unwrap().len(), 1)));
            found.extend(plans_on(&mut conn, |conn| assert_eq!(ClusterRow::page(conn, &plan, Order::Descending, None, 21).unwrap().len(), 0)));
            let all = ClusterFilter::default();
            found.extend(plans_on(&mut conn, |conn| assert_eq!(ClusterRow::page(conn, &all, Order::Descending, None, 21).unwrap().len(), 21)));
            for Planned { statement, plan } in found {
                let is_live = plan.iter().any(|line| line.contains("k8s_cluster_configs_live_"));
                assert!(is_live, "statistics: {has_statistics}\n{statement}\n{}", plan.join("\n"));
            }
        }
    }

    async fn the_stats_count_the_rows_of_one_bucket_only(at_size: AtSize) {
        let planned = plans_on(&mut big(at_size.0).connect(), |conn| assert!(stats::counts(conn, position(0).at).unwrap().recent > 0));
        let plan = planned[0].plan.join("\n");
        for column in ["created_at", "stripe_current_period_end"] {
            let bounded = match at_size.0 {
                Backend::Sqlite => plan.contains(&format!("({column}>? AND {column}<?)")),
                Backend::Postgres => plan.lines().any(|line| {
                    line.contains("Index Cond") && line.contains(&format!("({column} >")) && line.contains(&format!("({column} <"))
                }),
            };
            assert!(bounded, "{column}:\n{plan}");
        }
    }

    async fn every_index_is_used(at_size: AtSize) {
        let plans: Vec<Planned> = cases().into_iter().flat_map(|case| case.plans(at_size.0)).collect();
        let plans: Vec<String> = plans.into_iter().flat_map(|planned| planned.plan).collect();
        let ours = big(at_size.0).connect().texts(match at_size.0 {
            Backend::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'index' AND sql NOT LIKE 'CREATE UNIQUE%'",
            Backend::Postgres => "SELECT indexrelid::regclass::text FROM pg_index
                WHERE NOT indisunique AND indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)",
        });
        let unused: BTreeSet<_> = ours.iter().filter(|index| !plans.iter().any(|line| line.contains(*index))).collect();
        assert!(unused.is_empty() && ours.len() > 10, "unused: {unused:?} of {ours:?}");
    }
}

#[test]
fn every_model_function_has_a_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["", "/lists", "/sets", "/stripe", "/presence", "/retention", "/series", "/tokens", "/detail"]
        .map(|part| root.join(format!("tests/it/indexes{part}.rs")));
    let cases = files.map(|file| fs::read_to_string(file).unwrap()).concat();
    for file in fs::read_dir(root.join("src/models")).unwrap() {
        let path = file.unwrap().path();
        // A folder is about the tables of another server.
        if path.ends_with("sample.rs") || path.ends_with("stats.rs") || path.is_dir() {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        for function in
            source.split("pub fn ").skip(1).filter(|rest| rest.split('{').next().unwrap().contains("DbConnection"))
        {
            let name = function.split(['(', '<']).next().unwrap();
            let known = cases.contains(&format!("{name}(conn")) || name.starts_with("insert");
            assert!(known, "{name} of {} has no case in indexes.rs", path.display());
        }
        for (kind, function) in [("Step", "take"), ("Loader", "load")] {
            for implementation in source.split(&format!("impl {kind} for ")).skip(1) {
                let name = implementation.split(' ').next().unwrap();
                let known = cases.contains(&format!("{name}::{function}(conn"));
                assert!(known, "{name}::{function} of {} has no case in indexes/sets.rs", path.display());
            }
        }
    }
}
