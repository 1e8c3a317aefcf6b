//! What can be removed.

use std::str::FromStr;

use anyhow::{Context, Error};

use crate::{
    db::{DbConnection, Timestamp},
    error::Result,
    models::{
        audit_address::{self, OldAddresses},
        cluster_event::ClusterEvent,
        deleted_user::DeletedUser,
        event_log::EventLog,
        k8s::DeletedCluster,
        stripe_event::StripeEvent,
    },
};

/// Events that are looked at at a time.
const PAGE: i64 = 1000;

/// A kind of data that gets old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Soft-deleted clusters, by the time of their deletion.
    Clusters,
    /// What is left of soft-deleted users, by the time of their deletion.
    Users,
    /// Changes of clusters, which watchers resume after.
    Events,
    /// Events of Stripe that were processed.
    Webhooks,
    /// Addresses of clients in the audit log.
    Addresses,
}

impl Kind {
    /// All kinds, in the order in which they are removed.
    pub const ALL: [Self; 5] = [Self::Clusters, Self::Users, Self::Events, Self::Webhooks, Self::Addresses];
    /// The kinds that are removed when none is named: all but addresses, which are a part of the audit log.
    pub const UNASKED: [Self; 4] = [Self::Clusters, Self::Users, Self::Events, Self::Webhooks];

    /// Its name on the command line and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clusters => "clusters",
            Self::Users => "users",
            Self::Events => "events",
            Self::Webhooks => "webhooks",
            Self::Addresses => "addresses",
        }
    }

    /// The action that the audit log names.
    pub(super) fn action(self) -> &'static str {
        match self {
            Self::Clusters => "purge.clusters",
            Self::Users => "purge.users",
            Self::Events => "purge.events",
            Self::Webhooks => "purge.webhooks",
            Self::Addresses => "purge.addresses",
        }
    }

    /// How many there are from before a time. Outside a transaction it blocks nobody, however many there are.
    ///
    /// # Errors
    /// The database's.
    pub fn count(self, conn: &mut DbConnection, before: Timestamp) -> Result<u64> {
        let count = match self {
            Self::Clusters => DeletedCluster::count_old(conn, before)?,
            Self::Users => DeletedUser::count_old(conn, before)?,
            Self::Events => return count_events(conn, before),
            Self::Webhooks => StripeEvent::count_old(conn, before)?,
            Self::Addresses => return count_addresses(conn, before),
        };
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let kind = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        kind.with_context(|| format!("{text:?} is not a kind: expected clusters, users, events, webhooks or addresses"))
    }
}

fn count_addresses(conn: &mut DbConnection, before: Timestamp) -> Result<u64> {
    let (mut count, mut last) = (0_u64, audit_address::forgotten_through(conn)?);
    loop {
        let OldAddresses { through, addresses } = audit_address::old(conn, last, before, PAGE)?;
        count = count.saturating_add(addresses);
        match through {
            Some(through) => last = through,
            None => return Ok(count),
        }
    }
}

fn count_events(conn: &mut DbConnection, before: Timestamp) -> Result<u64> {
    let (mut count, mut last) = (0_u64, ClusterEvent::extent(conn)?.purged);
    loop {
        let page = ClusterEvent::old(conn, last, before, PAGE)?;
        let Some(newest) = page.last() else { return Ok(count) };
        count = count.saturating_add(u64::try_from(page.len()).unwrap_or_default());
        last = *newest;
    }
}
