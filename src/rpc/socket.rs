//! The subscriptions of one JSON-RPC socket: what they are called, and the notifications that tell of their events.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures_util::{StreamExt, stream::BoxStream};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    call::Context,
    listeners::{Listeners, Place},
    subscription::{Event, Subscription},
};
use crate::error::{Result, WireError};

/// One socket's subscriptions. They end with the streams that tell of their events.
pub struct Socket {
    listeners: Listeners,
    last_id: AtomicU64,
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
    pub fn new(most: usize) -> Self {
        Self { listeners: Listeners::new(most), last_id: AtomicU64::new(0) }
    }

    /// Takes a place for one more subscription, and gives it its id.
    ///
    /// # Errors
    /// TOO_MANY_REQUESTS when there is none.
    pub(super) fn place(&self) -> Result<(String, Place)> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed).saturating_add(1).to_string();
        let place = self.listeners.place(id.clone())?;
        Ok((id, place))
    }

    /// Makes notifications of a subscription's events. None when it was ended already.
    pub(super) fn begin(
        &self,
        (id, place): (String, Place),
        (context, name): (Arc<Context>, String),
        subscription: Subscription,
    ) -> Option<BoxStream<'static, String>> {
        let listeners = self.listeners.clone();
        let texts = subscription.map(move |event| {
            if event.is_err() {
                // The last that is heard of it: from now on there is nothing to unsubscribe from.
                listeners.end(&id);
            }
            notification(&context, &name, &id, &event)
        });
        place.begin(texts)
    }

    /// Ends a subscription: nothing more is heard of it. False when there is none of that id.
    pub(super) fn unsubscribe(&self, id: &str) -> bool {
        self.listeners.end(id)
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
