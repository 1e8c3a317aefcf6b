//! The result of a subscription's handler: the log to follow, the position, the required rights, and the output for
//! each event.

use std::sync::Arc;

use procedures::LAST_EVENT_ID;
use schemars::JsonSchema;
use serde::Serialize;

use super::call::Call;
use crate::{
    db::DbConnection,
    error::{Error, Result},
    models::event_log::{EventLog, LogPage, LogPart},
};

/// What a subscription can deliver.
#[derive(Debug)]
pub enum Signal<'e, E> {
    /// The subscription has started.
    Ready {
        /// The position: events with greater ids will be delivered.
        last: i64,
    },
    /// An event of the log.
    Event(&'e E),
    /// The subscriber was too slow. Delivery continues from the log; no event is skipped.
    Lagged {
        /// The position: events with greater ids will be delivered.
        last: i64,
    },
}

type Permit = dyn Fn(&Call<'_>) -> Result<()> + Send + Sync;
type ReadPage<E> = dyn Fn(&mut DbConnection, LogPage) -> Result<LogPart<E>> + Send + Sync;
type Select<E, O> = dyn Fn(Signal<'_, E>) -> Option<O> + Send + Sync;

/// A subscription to the log `E` that delivers values of type `O`.
pub struct Watch<E, O> {
    pub(super) after: Option<i64>,
    pub(super) permit: Arc<Permit>,
    pub(super) read: Arc<ReadPage<E>>,
    select: Box<Select<E, O>>,
}

impl<E: EventLog, O: 'static> Watch<E, O> {
    /// Follows a log from the present. `select` converts a signal to an output, or returns None to drop it.
    pub fn new(select: impl Fn(Signal<'_, E>) -> Option<O> + Send + Sync + 'static) -> Self {
        Self {
            after: None,
            permit: Arc::new(|_| Ok(())),
            read: Arc::new(|conn, page| Ok(LogPart::new(E::after(conn, page.after, page.limit)?, page))),
            select: Box::new(select),
        }
    }

    /// Adds a check of the caller, which runs at the start and before each delivery.
    #[must_use]
    pub fn permit(self, permit: impl Fn(&Call<'_>) -> Result<()> + Send + Sync + 'static) -> Self {
        Self { permit: Arc::new(permit), ..self }
    }

    /// Reads missed events with a narrower query than that for the whole log. It must return every event that
    /// `select` keeps, up to the id that it names.
    #[must_use]
    pub fn read(self, read: impl Fn(&mut DbConnection, LogPage) -> Result<LogPart<E>> + Send + Sync + 'static) -> Self {
        Self { read: Arc::new(read), ..self }
    }

    /// Resumes after the event with this id, if there is one. `last_event_id` consists of digits.
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

    /// Converts the output.
    pub(super) fn map<P: 'static>(self, change: fn(O) -> P) -> Watch<E, P> {
        let Self { after, permit, read, select } = self;
        Watch { after, permit, read, select: Box::new(move |signal| select(signal).map(change)) }
    }
}

/// Implemented by [`Watch`] alone, so that a registration can name its types.
pub trait Watched {
    /// The log that it follows.
    type Log: EventLog;
    /// The type of its events.
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

/// The error for a position that is not a known event id.
pub(super) fn unknown_event() -> Error {
    Error::field(LAST_EVENT_ID, "invalid_value", "is not the id of an event")
}
