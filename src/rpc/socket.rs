//! The subscriptions of one JSON-RPC socket: how many there may be, what they are called, and how they end.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{
    StreamExt,
    stream::{AbortHandle, BoxStream, abortable},
};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    call::Context,
    subscription::{Event, Subscription},
};
use crate::error::{Error, Result, WireError};

/// How long a caller with too many subscriptions is asked to wait. Waiting alone does not help.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// One socket's subscriptions. They end with the streams that tell of their events.
pub struct Socket {
    places: Arc<Semaphore>,
    last_id: AtomicU64,
    running: Mutex<HashMap<String, Running>>,
}

/// A subscription's place and the means to end it.
struct Running {
    stop: AbortHandle,
    _place: OwnedSemaphorePermit,
}

/// Gives the place back when the stream ends, whatever ends it.
struct Ending {
    socket: Arc<Socket>,
    id: String,
}

/// A notification (JSON-RPC 2.0 §4.1).
#[derive(Serialize)]
struct Notification<'a> {
    jsonrpc: &'static str,
    /// The name that was subscribed to.
    method: &'a str,
    params: Params<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Params<'a> {
    subscription: &'a str,
    #[serde(flatten)]
    said: Said<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Said<'a> {
    Result(&'a RawValue),
    /// The last that is heard of it.
    Error(WireError<'a>),
}

impl Socket {
    pub fn new(places: usize) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        Arc::new(Self { places, last_id: AtomicU64::new(0), running: Mutex::default() })
    }

    /// Takes a place for one more subscription.
    ///
    /// # Errors
    /// TOO_MANY_REQUESTS when there is none.
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        place.map_err(|_full| Error::TooManyRequests { retry_after: RETRY_AFTER })
    }

    /// Gives a subscription its id, and makes notifications of its events.
    pub(super) fn add(
        self: &Arc<Self>,
        place: OwnedSemaphorePermit,
        (context, name): (Arc<Context>, String),
        subscription: Subscription,
    ) -> (String, BoxStream<'static, String>) {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed).saturating_add(1).to_string();
        let (events, stop) = abortable(subscription);
        self.running().insert(id.clone(), Running { stop, _place: place });
        let ending = Ending { socket: Arc::clone(self), id: id.clone() };
        (id, events.map(move |event| notification(&context, &name, &ending.id, &event)).boxed())
    }

    /// Ends a subscription: nothing more is heard of it. False when there is none of that id.
    pub(super) fn unsubscribe(&self, id: &str) -> bool {
        let ended = self.running().remove(id);
        ended.inspect(|running| running.stop.abort()).is_some()
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        // Nothing panics while it holds the lock.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.socket.running().remove(&self.id);
    }
}

fn notification(context: &Context, name: &str, id: &str, event: &Result<Event>) -> String {
    let said = match event {
        Ok(event) => Said::Result(&event.data),
        Err(error) => Said::Error(error.to_wire(Some(name), &context.request_id)),
    };
    let params = Params { subscription: id, said };
    let written = serde_json::to_string(&Notification { jsonrpc: "2.0", method: name, params });
    written.unwrap_or_default()
}
