//! Decides what becomes of the old rows, one user after the other.

use std::{cmp::Reverse, collections::HashSet};

use super::{
    fault::{CheckedRow, Fault},
    known::{Known, KnownUser},
    report::{OldTable, OnConflict, Report},
    row_counts::increment,
    rule_cluster, rule_customer, rule_event,
    rule_user::{self, Times},
};
use crate::{
    db::Timestamp,
    models::{
        bulk::WholeUser,
        customer::Customer,
        k8s::ClusterRow,
        old::{OldCluster, OldCustomer, OldEvent, OwnedRows},
        stripe_event::StripeEvent,
        stripe_subscription::StripeSubscription,
    },
};

/// Rows to insert.
#[derive(Debug, Default)]
pub struct NewRows {
    pub users: Vec<WholeUser>,
    pub customers: Vec<Customer>,
    pub clusters: Vec<ClusterRow>,
    pub subscriptions: Vec<StripeSubscription>,
    /// Subscriptions that are there without a user.
    pub adoptions: Vec<Adoption>,
}

/// The subscriptions of a Stripe customer get a user.
#[derive(Debug)]
pub struct Adoption {
    pub stripe_customer_id: String,
    pub user: String,
}

/// What is decided about the user of some rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Live,
    Deleted,
    Missing,
    Skipped,
}

/// The decisions so far.
pub struct Judge {
    on_conflict: OnConflict,
    now: Timestamp,
    /// What was decided.
    pub report: Report,
    /// Unique values of the rows so far.
    emails: HashSet<String>,
    stripe_customers: HashSet<String>,
    subscriptions: HashSet<String>,
    /// The greatest number of a customer so far, skipped ones included.
    pub last_customer: i64,
    /// The greatest number of a cluster so far, skipped ones included.
    pub last_cluster: i64,
}

impl Judge {
    /// Begins an import at the time `now`.
    pub fn new(on_conflict: OnConflict, now: Timestamp) -> Self {
        Self {
            on_conflict,
            now,
            report: Report::new(on_conflict),
            emails: HashSet::new(),
            stripe_customers: HashSet::new(),
            subscriptions: HashSet::new(),
            last_customer: 0,
            last_cluster: 0,
        }
    }

    /// Decides about the rows of one user, and adds to `rows` those to insert.
    pub fn decide_owned(&mut self, owned: &OwnedRows, known: &Known, rows: &mut NewRows) {
        let customers = owned.customers.iter().map(|row| row.id).max().unwrap_or(0);
        let clusters = owned.clusters.iter().map(|row| row.id).max().unwrap_or(0);
        (self.last_customer, self.last_cluster) = (self.last_customer.max(customers), self.last_cluster.max(clusters));
        let is_gone = known.users.get(&owned.owner) == Some(&KnownUser::Gone);
        if is_gone {
            owned.user.iter().for_each(|_| self.report.count_present(OldTable::User));
            owned.customers.iter().for_each(|_| self.report.count_present(OldTable::Customer));
            owned.clusters.iter().for_each(|_| self.report.count_present(OldTable::Cluster));
            return;
        }
        let times = Times::of(owned, self.now);
        let owner = self.decide_user(owned, known, times, rows);
        let numbers = |rows: &NewRows| (rows.customers.len(), rows.subscriptions.len(), rows.clusters.len());
        let before = numbers(rows);
        self.decide_customers(&owned.customers, owner, known, rows);
        self.decide_clusters(&owned.clusters, owner, known, rows);
        if owner == Owner::Missing && before != numbers(rows) {
            rows.users.push(rule_user::unknown_user(&owned.owner, times));
            increment(&mut self.report.created_users);
        }
    }

    fn decide_user(&mut self, owned: &OwnedRows, known: &Known, times: Times, rows: &mut NewRows) -> Owner {
        let is_valid = rule_user::is_user_id(&owned.owner);
        let present = known.users.get(&owned.owner).map(|user| match user {
            KnownUser::Live => Owner::Live,
            KnownUser::Deleted | KnownUser::Gone => Owner::Deleted,
        });
        let Some(old) = &owned.user else {
            return present.unwrap_or(if is_valid { Owner::Missing } else { Owner::Skipped });
        };
        if let Some(owner) = present {
            self.report.count_present(OldTable::User);
            self.emails.extend(old.email.clone());
            return owner;
        }
        let taken = |email: &str| known.emails.contains(email) || self.emails.contains(email);
        let mut checked = rule_user::user(old, times, taken);
        if !is_valid {
            checked.faults.push(Fault::UserId);
        }
        if !self.keeps(OldTable::User, &old.id, &checked.faults) {
            return Owner::Skipped;
        }
        self.emails.extend(checked.row.email.clone());
        let owner = if checked.row.deleted_at.is_some() { Owner::Deleted } else { Owner::Live };
        rows.users.push(checked.row);
        owner
    }

    fn decide_customers(&mut self, old: &[OldCustomer], owner: Owner, known: &Known, rows: &mut NewRows) {
        let mut all: Vec<CheckedRow<Customer>> = old.iter().map(rule_customer::customer).collect();
        all.sort_by_cached_key(|checked| rule_customer::rank(&checked.row, self.now));
        let mut has_customer = old.first().is_some_and(|row| known.customer_of.contains_key(&row.auth_user_id));
        for CheckedRow { mut row, mut faults } in all {
            if let Some(present) = known.customers.get(&row.id) {
                if present.owner == row.auth_user_id && present.created_at == row.created_at {
                    self.report.count_present(OldTable::Customer);
                    self.stripe_customers.extend(row.stripe_customer_id);
                    self.subscriptions.extend(row.stripe_subscription_id);
                    continue;
                }
                faults.push(Fault::RowIdTaken);
            }
            faults.extend(of_owner(owner, &row.auth_user_id));
            let is_taken = |id: &String| known.stripe_customers.contains_key(id) || self.stripe_customers.contains(id);
            if row.stripe_customer_id.as_ref().is_some_and(is_taken) {
                faults.push(Fault::StripeCustomerTaken);
                row.stripe_customer_id = None;
            }
            let is_taken = |id: &String| known.subscribers.contains_key(id) || self.subscriptions.contains(id);
            if row.stripe_subscription_id.as_ref().is_some_and(is_taken) {
                faults.push(Fault::StripeSubscriptionTaken);
                row.stripe_subscription_id = None;
            }
            let is_number_taken = faults.contains(&Fault::RowIdTaken);
            let mut other_faults = faults.clone();
            other_faults.retain(|fault| *fault != Fault::RowIdTaken);
            if has_customer {
                faults.push(Fault::SecondCustomer);
            }
            let is_kept = self.keeps(OldTable::Customer, &row.id.to_string(), &faults);
            // A user can have several subscriptions, but only one customer record, and none whose number is taken.
            let has_no_record = has_customer || is_number_taken;
            let is_noted = has_no_record && self.on_conflict != OnConflict::Skip && self.is_acceptable(&other_faults);
            if is_kept || is_noted {
                self.add_subscription(&row, known, rows);
            }
            if is_kept {
                has_customer = true;
                self.stripe_customers.extend(row.stripe_customer_id.clone());
                rows.customers.push(row);
            }
        }
    }

    fn add_subscription(&mut self, customer: &Customer, known: &Known, rows: &mut NewRows) {
        let Some(subscription) = rule_customer::subscription(customer, self.now) else { return };
        self.subscriptions.insert(subscription.id.clone());
        match known.subscriptions.get(&subscription.id) {
            // An event arrived before its user was known.
            Some(None) => {
                if let Some(stripe_customer_id) = subscription.stripe_customer_id {
                    increment(&mut self.report.adopted);
                    rows.adoptions.push(Adoption { stripe_customer_id, user: customer.auth_user_id.clone() });
                }
            }
            Some(Some(_)) => {}
            None => {
                increment(&mut self.report.subscriptions);
                rows.subscriptions.push(subscription);
            }
        }
    }

    fn decide_clusters(&mut self, old: &[OldCluster], owner: Owner, known: &Known, rows: &mut NewRows) {
        let mut all: Vec<CheckedRow<ClusterRow>> = old.iter().map(rule_cluster::cluster).collect();
        all.sort_by_key(|checked| Reverse((checked.row.created_at, checked.row.id)));
        let mut taken_plans = HashSet::new();
        for CheckedRow { mut row, mut faults } in all {
            let user = row.auth_user_id.clone().unwrap_or_default();
            let plan = row.plan.as_str();
            if let Some(present) = known.clusters.get(&row.id) {
                // Without an owner it is the history of a user who was hard-deleted, and maybe created anew.
                let is_same_owner = present.owner.is_none() || present.owner == row.auth_user_id;
                if is_same_owner && present.created_at == row.created_at {
                    self.report.count_present(OldTable::Cluster);
                    if row.deleted_at.is_none() {
                        taken_plans.insert(plan);
                    }
                    continue;
                }
                faults.push(Fault::RowIdTaken);
            }
            faults.extend(of_owner(owner, &user));
            if row.deleted_at.is_none() {
                let is_taken = taken_plans.contains(plan) || known.live_plans.contains(&(user, plan));
                let fault = if owner == Owner::Deleted { Some(Fault::UserDeleted) } else { None };
                if let Some(fault) = fault.or(is_taken.then_some(Fault::SecondCluster)) {
                    faults.push(fault);
                    rule_cluster::delete(&mut row, self.now);
                }
            }
            if self.keeps(OldTable::Cluster, &row.id.to_string(), &faults) {
                if row.deleted_at.is_none() {
                    taken_plans.insert(plan);
                }
                rows.clusters.push(row);
            }
        }
    }

    /// Decides about events, of which those in `present` are there already. Returns the rows to insert.
    pub fn decide_events(
        &mut self,
        old: &[OldEvent],
        present: &HashSet<String>,
        oldest: Timestamp,
    ) -> Vec<StripeEvent> {
        let mut rows = Vec::new();
        for old in old {
            if present.contains(&old.id) {
                self.report.count_present(OldTable::Event);
            } else if old.updated_at < oldest {
                increment(&mut self.report.old_events);
            } else {
                let checked = rule_event::event(old, self.now);
                rows.extend(self.keeps(OldTable::Event, &old.id, &checked.faults).then_some(checked.row));
            }
        }
        rows
    }

    /// Whether a row with these faults is imported. Without a decision of the operator, as if they had decided to repair.
    fn is_acceptable(&self, faults: &[Fault]) -> bool {
        faults.is_empty() || self.on_conflict != OnConflict::Skip && faults.iter().all(|fault| fault.repair().is_some())
    }

    /// Reports a row, and returns whether it is imported.
    fn keeps(&mut self, table: OldTable, id: &str, faults: &[Fault]) -> bool {
        let is_kept = self.is_acceptable(faults);
        self.report.count(table, id, faults, is_kept);
        is_kept
    }
}

/// What is wrong with a row because of its user.
fn of_owner(owner: Owner, id: &str) -> Option<Fault> {
    match owner {
        Owner::Live | Owner::Deleted => None,
        Owner::Missing => Some(Fault::NoUser),
        Owner::Skipped if !rule_user::is_user_id(id) => Some(Fault::UserId),
        Owner::Skipped => Some(Fault::UserSkipped),
    }
}
