//! Sample data: a year of a business that grows. Two seeded databases differ only in their timestamps.

mod billing;
mod cluster;
mod dice;
mod history;
mod person;

use std::collections::HashSet;

use diesel::prelude::*;

use self::{history::happenings, person::Person};
use super::{
    bulk,
    plan::Plan,
    user::{self, Role},
};
use crate::{
    db::{
        DbConnection, Timestamp, locks,
        sequences::{self, Numbered},
        triggers,
    },
    error::Result,
    schema::{customers, k8s_cluster_configs, user_tombstones, users},
};

/// What nobody else may write to meanwhile: their ids are taken, and the triggers that write events of clusters are off. Payments
/// come first because a webhook writes its payment before the customer, and both add to the rows of months.
const TABLES: [&str; 4] = ["payments", "users", "customers", "k8s_cluster_configs"];
/// The triggers of `k8s_cluster_configs` that write events, with the present as their time.
const EVENT_TRIGGERS: &str = "k8s_cluster_configs_event_";
/// Users, or things that have happened, of which rows are made at a time.
const STEP: usize = 1000;

/// Numbers of inserted rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seeded {
    /// Users.
    pub users: u32,
    /// Customers.
    pub customers: u32,
    /// Clusters, deleted ones included.
    pub clusters: u32,
}

/// How far the insertion is.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// So many users, with what belongs to them, are about to be inserted.
    Users(u64),
    /// So many things that have happened are about to be written down.
    Events(u64),
    /// These are done.
    Done(u64),
}

/// Whether the database has no users other than admins, no customers and no clusters.
///
/// # Errors
/// The database's.
pub fn is_empty(conn: &mut DbConnection) -> QueryResult<bool> {
    let user = users::table.filter(users::role.ne(Role::Admin)).select(users::id).first::<String>(conn).optional()?;
    let customer = customers::table.select(customers::id).first::<i64>(conn).optional()?;
    let cluster = k8s_cluster_configs::table.select(k8s_cluster_configs::id).first::<i64>(conn).optional()?;
    Ok(user.is_none() && customer.is_none() && cluster.is_none())
}

/// Inserts `count` users with a FREE cluster each. Every third user is a customer, in turn on FREE, PRO and BUSINESS;
/// the paying ones also have a cluster on their plan. They came in the last year, ever more of them. Every fifth user's FREE cluster
/// is deleted; some pay no more, some can't, and some have left. The audit log, the events of clusters, Stripe's events
/// and the payments say what has happened. Existing users are skipped.
///
/// # Errors
/// The database's.
pub fn insert(conn: &mut DbConnection, count: u32, report: &mut dyn FnMut(Step)) -> Result<Seeded> {
    locks::exclude_writers(conn, &TABLES)?;
    let now = Timestamp::now();
    let mut taken = Taken::read(conn)?;
    let numbers = (1..=count).filter(|number| !taken.ids.contains(&person::id(*number)));
    let mut people: Vec<Person> = numbers.map(|number| Person::new(number, count, now)).collect();
    let seeded = give_ids(conn, &mut people)?;
    let is_of_events = |trigger: &triggers::Trigger| trigger.name.starts_with(EVENT_TRIGGERS);
    report(Step::Users(number_of(&people)));
    triggers::without(conn, is_of_events, |conn| {
        people.chunks(STEP).try_for_each(|some| {
            let inserted = insert_rows(conn, some, &mut taken, now);
            report(Step::Done(number_of(some)));
            inserted
        })
    })?;
    record(conn, &people, report)?;
    Ok(seeded)
}

fn number_of<T>(some: &[T]) -> u64 {
    u64::try_from(some.len()).unwrap_or(u64::MAX)
}

/// What is in the database already.
struct Taken {
    ids: HashSet<String>,
    emails: HashSet<String>,
}

impl Taken {
    fn read(conn: &mut DbConnection) -> QueryResult<Self> {
        let known = users::table.filter(users::id.like("user_sample_%")).select(users::id);
        let gone = user_tombstones::table.filter(user_tombstones::id.like("user_sample_%")).select(user_tombstones::id);
        let mut ids: HashSet<String> = known.load::<String>(conn)?.into_iter().collect();
        ids.extend(gone.load::<String>(conn)?);
        let emails = users::table.filter(users::email.like("%@sample.example")).select(users::email.assume_not_null());
        Ok(Self { ids, emails: emails.load::<String>(conn)?.into_iter().collect() })
    }
}

/// Numbers customers and clusters, in the order in which they were made.
fn give_ids(conn: &mut DbConnection, people: &mut [Person]) -> QueryResult<Seeded> {
    let mut seeded = Seeded { users: u32::try_from(people.len()).unwrap_or(u32::MAX), ..Seeded::default() };
    let mut billings: Vec<_> = people.iter_mut().filter_map(|person| person.billing.as_mut()).collect();
    billings.sort_by_key(|billing| billing.since);
    let mut last = sequences::greatest(conn, Numbered::Customers)?;
    for billing in billings {
        last += 1;
        billing.id = last;
        seeded.customers += 1;
    }
    sequences::advance(conn, Numbered::Customers, last)?;
    let mut clusters: Vec<_> = people.iter_mut().flat_map(|person| person.clusters.iter_mut()).collect();
    clusters.sort_by_key(|cluster| cluster.created_at);
    let mut last = sequences::greatest(conn, Numbered::Clusters)?;
    for cluster in clusters {
        last += 1;
        cluster.id = last;
        seeded.clusters += 1;
    }
    sequences::advance(conn, Numbered::Clusters, last)?;
    Ok(seeded)
}

fn insert_rows(conn: &mut DbConnection, people: &[Person], taken: &mut Taken, now: Timestamp) -> Result<()> {
    let (mut rows, mut customers, mut clusters) = (Vec::new(), Vec::new(), Vec::new());
    let (mut subscriptions, mut events, mut payments) = (Vec::new(), Vec::new(), Vec::new());
    for person in people {
        let (id, email) = (person::id(person.number), person::email(person.number));
        rows.push(person.row(taken.emails.insert(email.clone()).then_some(email)));
        clusters.extend(person.clusters.iter().map(|cluster| cluster.row(&id)));
        if let Some(billing) = &person.billing {
            customers.push(billing.row(person.number, &id));
            subscriptions.extend(billing.subscription(person.number, &id));
            payments.extend(billing.payments(person.number));
            if billing.plan != Plan::Free {
                events.extend(billing.events(person.number, now));
            }
        }
    }
    bulk::insert_users(conn, &rows)?;
    bulk::insert_customers(conn, &customers)?;
    bulk::insert_clusters(conn, &clusters)?;
    bulk::insert_subscriptions(conn, &subscriptions)?;
    bulk::insert_payments(conn, &payments)?;
    Ok(bulk::insert_events(conn, &events)?)
}

/// Writes down what has happened, in its order.
fn record(conn: &mut DbConnection, people: &[Person], report: &mut dyn FnMut(Step)) -> Result<()> {
    let admin = user::oldest_admin(conn)?.map(|admin| admin.id);
    // Which the triggers would take that write the events otherwise.
    locks::lock_until_commit(conn, locks::EVENTS)?;
    let all = happenings(people);
    report(Step::Events(number_of(&all)));
    for some in all.chunks(STEP) {
        let (mut entries, mut events) = (Vec::new(), Vec::new());
        for happening in some {
            let records = happening.records(people, admin.as_deref());
            entries.extend(records.entry);
            events.extend(records.events);
        }
        bulk::insert_audit(conn, &entries)?;
        bulk::insert_cluster_events(conn, &events)?;
        report(Step::Done(number_of(some)));
    }
    Ok(())
}
