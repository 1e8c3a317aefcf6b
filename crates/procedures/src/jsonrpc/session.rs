//! What a socket adds to JSON-RPC: subscriptions, which end with it at the latest.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::{StreamExt, stream::BoxStream};

use super::message::Topic;
use crate::{
    error::Result,
    service::Subscription,
    subscriptions::{Reservation, Subscriptions},
};

/// The subscriptions of one socket. A transport that can deliver notifications puts an `Arc<Session>` into the extensions
/// of each request.
#[derive(Debug)]
pub struct Session {
    subscriptions: Subscriptions,
    last_id: AtomicU64,
}

/// A place for a subscription that is about to start.
pub struct Reserved {
    /// The id of the subscription.
    pub id: String,
    reservation: Reservation,
}

/// Notifications of the subscriptions that a message has started. They are sent after its response.
#[derive(Clone, Default)]
pub struct Started(Arc<Mutex<Vec<BoxStream<'static, String>>>>);

impl Session {
    /// At most `limit` subscriptions at a time.
    pub fn new(limit: usize) -> Self {
        Self { subscriptions: Subscriptions::new(limit), last_id: AtomicU64::new(0) }
    }

    /// Reserves a place and an id for one more subscription.
    ///
    /// # Errors
    /// TOO_MANY_REQUESTS when the limit is reached.
    pub fn reserve(&self) -> Result<Reserved> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed).saturating_add(1).to_string();
        Ok(Reserved { reservation: self.subscriptions.reserve(id.clone())?, id })
    }

    /// Starts a subscription to `method`. Its notifications are collected in `started`.
    pub fn start(&self, reserved: Reserved, topic: Topic, events: Subscription, started: &Started) {
        let subscriptions = self.subscriptions.clone();
        let texts = events.map(move |event| {
            if event.is_err() {
                // The subscription has ended: there is nothing left to unsubscribe from.
                subscriptions.end(&topic.subscription);
            }
            topic.notification(&event.map(|event| event.data))
        });
        if let Some(texts) = reserved.reservation.start(texts) {
            started.push(texts);
        }
    }

    /// Whether any subscription is open or about to be.
    pub fn has_subscriptions(&self) -> bool {
        !self.subscriptions.is_empty()
    }

    /// Ends a subscription. False when there is none of that id.
    pub fn unsubscribe(&self, id: &str) -> bool {
        self.subscriptions.end(id)
    }
}

impl Started {
    fn push(&self, texts: BoxStream<'static, String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(texts);
    }

    /// Takes the streams out.
    pub fn take(&self) -> Vec<BoxStream<'static, String>> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl From<Vec<BoxStream<'static, String>>> for Started {
    fn from(streams: Vec<BoxStream<'static, String>>) -> Self {
        Self(Arc::new(Mutex::new(streams)))
    }
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Started")
    }
}
