//! What the handler of a subscription returns: which log it follows, from where, who may, and what becomes of each event.

use std::sync::Arc;

use procedures::LAST_EVENT_ID;
use schemars::JsonSchema;
use serde::Serialize;

use super::call::Call;
use crate::{
    db::DbConnection,
    error::{Error, Result},
    models::event_log::EventLog,
};

/// What a subscriber can be told.
#[derive(Debug)]
pub enum Signal<'e, E> {
    /// The subscription has started. What happens after this position will come.
    Ready {
        /// The position.
        last: i64,
    },
    /// Something happened.
    Event(&'e E),
    /// The subscriber was too slow; what came after this position follows from the log.
    Lagged {
        /// The position.
        last: i64,
    },
}

type Permit = dyn Fn(&Call<'_>) -> Result<()> + Send + Sync;
type Read<E> = dyn Fn(&mut DbConnection, Page) -> Result<Vec<E>> + Send + Sync;
type Select<E, O> = dyn Fn(Signal<'_, E>) -> Option<O> + Send + Sync;

/// Which rows of a log to read.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Rows after this position.
    pub after: i64,
    /// At most this many.
    pub limit: i64,
}

/// A subscription to the log `E` that delivers values of type `O`.
pub struct Watch<E, O> {
    pub(super) after: Option<i64>,
    pub(super) permit: Arc<Permit>,
    pub(super) read: Arc<Read<E>>,
    select: Box<Select<E, O>>,
}

impl<E: EventLog, O: 'static> Watch<E, O> {
    /// Follows a log from now on. `select` turns a signal into an output, or drops it.
    pub fn new(select: impl Fn(Signal<'_, E>) -> Option<O> + Send + Sync + 'static) -> Self {
        Self {
            after: None,
            permit: Arc::new(|_| Ok(())),
            read: Arc::new(|conn, page| Ok(E::after(conn, page.after, page.limit)?)),
            select: Box::new(select),
        }
    }

    /// Adds a condition that the caller must meet, at the start and before each delivery.
    #[must_use]
    pub fn permit(self, permit: impl Fn(&Call<'_>) -> Result<()> + Send + Sync + 'static) -> Self {
        Self { permit: Arc::new(permit), ..self }
    }

    /// Reads missed events by another query than that for the whole log. It may leave out only what `select` drops.
    #[must_use]
    pub fn read(self, read: impl Fn(&mut DbConnection, Page) -> Result<Vec<E>> + Send + Sync + 'static) -> Self {
        Self { read: Arc::new(read), ..self }
    }

    /// Resumes after the last event that the client has seen, if it names one. `last_event_id` consists of digits.
    ///
    /// # Errors
    /// BAD_REQUEST for a number that is too large.
    pub fn resume(self, last_event_id: Option<&str>) -> Result<Self> {
        let after = last_event_id.map(|id| id.parse().map_err(|_overflow| unknown_event())).transpose()?;
        Ok(Self { after, ..self })
    }

    pub(super) fn select(&self, signal: Signal<'_, E>) -> Option<O> {
        (self.select)(signal)
    }

    /// The same with another output.
    pub(super) fn map<P: 'static>(self, change: fn(O) -> P) -> Watch<E, P> {
        let Self { after, permit, read, select } = self;
        Watch { after, permit, read, select: Box::new(move |signal| select(signal).map(change)) }
    }
}

/// A [`Watch`], for the registration to name its types.
pub trait Watched {
    /// The log that it follows.
    type Log: EventLog;
    /// What it delivers.
    type Output: Serialize + JsonSchema + 'static;

    /// The watch itself.
    fn into_watch(self) -> Watch<Self::Log, Self::Output>;
}

impl<E: EventLog, O: Serialize + JsonSchema + 'static> Watched for Watch<E, O> {
    type Log = E;
    type Output = O;

    fn into_watch(self) -> Self {
        self
    }
}

/// The answer to a position that is not a known event id.
pub(super) fn unknown_event() -> Error {
    Error::field(LAST_EVENT_ID, "invalid_value", "is not the id of an event")
}
