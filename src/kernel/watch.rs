//! What the handler of a subscription returns: whose events it is about, where to begin, and what to make of each.

use super::call::Call;
use crate::{
    error::{Error, Result},
    models::cluster_event::ClusterEvent,
};

/// The input field in which a client that comes back says what it saw last, on every wire.
pub const LAST_EVENT_ID: &str = "lastEventId";

/// What a watcher can be told.
#[derive(Clone, Copy, Debug)]
pub enum Signal<'e> {
    /// The watcher is in its place. What happens after this event will come.
    Ready {
        last: i64,
    },
    Event(&'e ClusterEvent),
    /// The watcher was too slow and will get what came after this event from the database.
    Lagged {
        last: i64,
    },
}

type Select<O> = dyn Fn(Signal<'_>) -> Option<O> + Send + Sync;

/// A subscription to be.
pub struct Watch<O> {
    owner: Option<String>,
    pub(super) after: Option<i64>,
    select: Box<Select<O>>,
}

impl<O: 'static> Watch<O> {
    /// Watches the clusters of one user, or, as only admins may, of everybody. `select` makes an output of a signal, or
    /// leaves it out.
    pub fn new(owner: Option<String>, select: impl Fn(Signal<'_>) -> Option<O> + Send + Sync + 'static) -> Self {
        Self { owner, after: None, select: Box::new(select) }
    }

    /// Begins after the event that the client saw last, if it saw one. `last_event_id` is of digits only.
    ///
    /// # Errors
    /// BAD_REQUEST for a number that is no id.
    pub fn resume(mut self, last_event_id: Option<&str>) -> Result<Self> {
        self.after = last_event_id.map(|id| id.parse().map_err(|_overflow| unknown_event())).transpose()?;
        Ok(self)
    }

    pub(super) fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// Whether the caller may watch this, now.
    ///
    /// # Errors
    /// FORBIDDEN.
    pub(super) fn authorize(&self, call: &Call<'_>) -> Result<()> {
        authorize(self.owner(), call)
    }

    pub(super) fn select(&self, signal: Signal<'_>) -> Option<O> {
        match (signal, self.owner()) {
            (Signal::Event(event), Some(owner)) if event.auth_user_id.as_deref() != Some(owner) => None,
            _ => (self.select)(signal),
        }
    }

    pub(super) fn map<P: 'static>(self, change: fn(O) -> P) -> Watch<P> {
        let Self { owner, after, select } = self;
        Watch { owner, after, select: Box::new(move |signal| select(signal).map(change)) }
    }
}

/// Whether the caller may watch the clusters of `owner`, or of everybody.
///
/// # Errors
/// FORBIDDEN.
pub(super) fn authorize(owner: Option<&str>, call: &Call<'_>) -> Result<()> {
    if owner == Some(call.caller()?.id.as_str()) || call.acts_as_admin() {
        return Ok(());
    }
    Err(Error::Forbidden("You can watch your own clusters only."))
}

/// The answer to a position that no event has.
pub(super) fn unknown_event() -> Error {
    Error::field(LAST_EVENT_ID, "invalid_value", "is not the id of an event")
}
