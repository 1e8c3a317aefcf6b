//! A subscription as server-sent events (WHATWG HTML §9.2), named as tRPC's `httpSubscriptionLink` knows them.

use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt, once, unfold};
use serde_json::{json, value::RawValue};
use tokio::time::{Instant, Interval, interval_at};

use super::{batch::Calls, request::resume, shape::shape};
use crate::{
    error::Error,
    rpc::{
        dates::Dates,
        limiter::Allowance,
        subscription::{Event, Subscription},
    },
};

/// How many pings may be missing before a client tries another connection.
const MISSED_PINGS: u32 = 3;

/// The beginning of a subscription. A failure is an event as well: the status of a stream is always 200.
pub struct Begun {
    pub allowance: Option<Allowance>,
    /// The texts of the events.
    pub events: BoxStream<'static, String>,
}

/// What is kept between two events.
struct Stream {
    calls: Calls,
    subscription: Subscription,
    ping: Interval,
}

impl Calls {
    /// Begins the one subscription that the request asks for. It ends without a word when the server stops, so that the
    /// client comes back.
    pub async fn subscribe(self) -> Begun {
        let connected = message(Some("connected"), &connected(self.ping), None);
        let Some(call) = self.calls.first() else {
            return Begun { allowance: None, events: once(std::future::ready(connected)).boxed() };
        };
        let input = resume(call.input(self.transformer), self.last_event_id.as_deref());
        let answer = self.kernel.subscribe(&self.context, &call.path, input).await;
        let events = match answer.result {
            Ok(subscription) => {
                let ping = interval_at(Instant::now() + self.ping, self.ping);
                let stream = Stream { calls: self, subscription, ping };
                unfold(Some(stream), |stream| async { stream?.next().await }).boxed()
            }
            Err(error) => once(std::future::ready(self.failed(&error))).boxed(),
        };
        Begun { allowance: answer.allowance, events: once(std::future::ready(connected)).chain(events).boxed() }
    }

    fn failed(&self, error: &Error) -> String {
        let path = self.calls.first().map(|call| call.path.as_str());
        let shape = shape(error, path, &self.context.request_id);
        let data = self.transformer.dateless(&shape).unwrap_or(shape);
        message(Some("serialized-error"), data.get(), None)
    }

    fn event(&self, event: &Event) -> Result<String, Error> {
        let none = Dates::default();
        let procedure = self.calls.first().and_then(|call| call.procedure.as_ref());
        let dates = procedure.map_or(&none, |procedure| &procedure.output_dates);
        let data: Box<RawValue> = self.transformer.output(&event.data, "", &event.data, dates)?;
        Ok(message(None, data.get(), event.id.as_deref()))
    }
}

impl Stream {
    /// The next event, and what is left.
    async fn next(mut self) -> Option<(String, Option<Self>)> {
        let event = tokio::select! {
            event = self.subscription.next() => event?,
            _ = self.ping.tick() => return Some((message(Some("ping"), "", None), Some(self))),
        };
        match event.and_then(|event| self.calls.event(&event)) {
            Ok(text) => Some((text, Some(self))),
            Err(error) => Some((self.calls.failed(&error), None)),
        }
    }
}

fn connected(ping: Duration) -> String {
    let patience = ping.saturating_mul(MISSED_PINGS).as_millis();
    json!({"reconnectAfterInactivityMs": u64::try_from(patience).unwrap_or(u64::MAX)}).to_string()
}

/// One event. JSON on one line can't break out of its field.
fn message(event: Option<&str>, data: &str, id: Option<&str>) -> String {
    let event = event.map(|event| format!("event: {event}\n")).unwrap_or_default();
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("{event}data: {data}\n{id}\n")
}
