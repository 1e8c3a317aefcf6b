//! A subscription as server-sent events (WHATWG HTML §9.2), named as tRPC's `httpSubscriptionLink` expects them.

use std::{future::ready, time::Duration};

use futures_util::stream::{BoxStream, StreamExt, once, unfold};
use serde_json::json;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::{
    batch::Calls,
    call::{ProcedureCall, resume},
    shape::shape,
};
use crate::{
    context::Allowance,
    dates::Dates,
    error::{Error, Result},
    service::{Event, Service, Subscription},
};

/// The number of missing pings after which a client reconnects.
const MISSED_PINGS: u32 = 3;

/// The event stream of a subscription. A failure is an event as well: the status of an event stream is always 200.
pub struct Events {
    /// What is left of the caller's rate limit.
    pub allowance: Option<Allowance>,
    /// The texts of the events.
    pub texts: BoxStream<'static, String>,
}

/// What one subscription needs to know besides its call.
#[derive(Clone, Debug)]
pub struct Streaming {
    /// The event after which it resumes.
    pub last_event_id: Option<String>,
    /// The interval of pings.
    pub ping: Duration,
}

/// What is kept between two events.
struct Stream<S: Service> {
    calls: Calls<S>,
    subscription: Subscription,
    ping: Interval,
}

impl<S: Service> Calls<S> {
    /// Starts the one subscription that the request asks for. When the server stops, the stream ends without a final
    /// event, so that the client reconnects.
    pub async fn subscribe(mut self, streaming: Streaming) -> Events {
        let Streaming { last_event_id, ping } = streaming;
        let connected = message(Some("connected"), &connected(ping), None);
        let Some(call) = self.calls.first() else {
            return Events { allowance: None, texts: once(ready(connected)).boxed() };
        };
        let input = resume(call.input(self.reads), last_event_id.as_deref());
        let answer = self.service.subscribe(&self.context, &call.path, input).await;
        self.calls.iter_mut().for_each(ProcedureCall::forget_input);
        let events = match answer.result {
            Ok(subscription) => {
                let mut ping = interval_at(Instant::now() + ping, ping.max(Duration::from_millis(1)));
                // After a pause of the machine one ping is enough.
                ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
                let stream = Stream { calls: self, subscription, ping };
                unfold(Some(stream), |stream| async { stream?.next().await }).boxed()
            }
            Err(error) => once(ready(self.failed(&error))).boxed(),
        };
        Events { allowance: answer.allowance, texts: once(ready(connected)).chain(events).boxed() }
    }

    fn failed(&self, error: &Error) -> String {
        let path = self.calls.first().map(|call| call.path.as_str());
        let shape = shape(error, path, &self.context.request_id);
        let data = self.transformer.dateless(&shape).unwrap_or(shape);
        message(Some("serialized-error"), data.get(), None)
    }

    fn event(&self, event: &Event) -> Result<String> {
        let none = Dates::default();
        let procedure = self.calls.first().and_then(|call| call.procedure.as_ref());
        let dates = procedure.map_or(&none, |procedure| &procedure.output_dates);
        let data = self.transformer.output(&event.data, "", &event.data, dates)?;
        Ok(message(None, data.get(), event.id.as_deref()))
    }
}

impl<S: Service> Stream<S> {
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

/// One event. JSON has no line breaks, so it stays within its field.
fn message(event: Option<&str>, data: &str, id: Option<&str>) -> String {
    let event = event.map(|event| format!("event: {event}\n")).unwrap_or_default();
    // A line break would end the field.
    let id = id.filter(|id| !id.contains(['\r', '\n', '\0']));
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("{event}data: {data}\n{id}\n")
}
