//! A running subscription: what was missed and then what happens, each event once and in order, for as long as the
//! caller may have it.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use futures_util::stream::{BoxStream, Stream, StreamExt, unfold};
use serde_json::value::RawValue;
use tokio::{
    sync::{broadcast::error::RecvError, broadcast::error::TryRecvError, watch},
    time::{sleep, timeout_at},
};

use super::{
    call::Call,
    feed::{PAGE, Seat},
    invocation::Invocation,
    watch::{self as rule, Signal, Watch},
};
use crate::{
    error::{Error, Result},
    models::cluster_event::ClusterEvent,
};

/// Events that one look at the caller allows to be delivered.
const BATCH: usize = 64;

/// One event of a subscription.
#[derive(Debug)]
pub struct Event {
    /// To resume after. None for what is no position of its own.
    pub id: Option<String>,
    pub data: Box<RawValue>,
}

/// A stream of events. It ends after an error, and without one when the server stops. It does nothing while it is not
/// polled.
pub struct Subscription(BoxStream<'static, Result<Event>>);

impl Stream for Subscription {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Subscription")
    }
}

/// What a subscription knows between two events.
pub(super) struct Watcher {
    invocation: Invocation,
    watch: Watch<Result<Box<RawValue>>>,
    /// Everything up to this event was delivered, or is ready to be, or is not for this watcher.
    last: i64,
    /// Whether events come from the rows, until there are no more; else they come live.
    behind: bool,
    ready: VecDeque<Event>,
    /// When the caller was last found to be in order.
    checked: Instant,
    seat: Seat,
    draining: watch::Receiver<bool>,
}

impl Watcher {
    /// `newest` is the newest event, read after the seat was taken.
    ///
    /// # Errors
    /// BAD_REQUEST for a position that is still to come.
    pub fn new(invocation: Invocation, watch: Watch<Result<Box<RawValue>>>, seat: Seat, newest: i64) -> Result<Self> {
        if watch.after.is_some_and(|after| after > newest) {
            return Err(rule::unknown_event());
        }
        seat.fill(newest);
        let draining = invocation.kernel.draining().clone();
        // Also without anything to resume: the feed may have begun after `newest`.
        let (last, behind) = (watch.after.unwrap_or(newest), true);
        let fresh = watch.after.is_none();
        let (ready, checked) = (VecDeque::new(), Instant::now());
        let mut watcher = Self { invocation, watch, last, behind, ready, checked, seat, draining };
        if fresh {
            // A position to come back to, also for who has seen nothing yet.
            watcher.offer(Signal::Ready { last })?;
        }
        Ok(watcher)
    }

    pub fn into_subscription(self) -> Subscription {
        let events = unfold(Some(self), |watcher| async {
            let mut watcher = watcher?;
            match watcher.next().await? {
                Ok(event) => Some((Ok(event), Some(watcher))),
                Err(error) => {
                    let procedure = watcher.invocation.procedure.name;
                    tracing::info!(procedure, code = error.code().as_str(), "the subscription ends");
                    Some((Err(error), None))
                }
            }
        });
        Subscription(events.boxed())
    }

    async fn next(&mut self) -> Option<Result<Event>> {
        let mut draining = self.draining.clone();
        tokio::select! {
            biased;
            // An error means that the server is gone, which is the same.
            _ = draining.wait_for(|draining| *draining) => None,
            event = self.event() => Some(event),
        }
    }

    async fn event(&mut self) -> Result<Event> {
        loop {
            if self.checked.elapsed() >= self.invocation.kernel.recheck() {
                self.look(|_| Ok(())).await?;
            }
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            match self.behind {
                true => self.catch_up().await?,
                false => self.listen().await?,
            }
        }
    }

    /// Reads a page of the rows.
    async fn catch_up(&mut self) -> Result<()> {
        let (owner, last) = (self.watch.owner().map(str::to_owned), self.last);
        let page = self.look(move |call| Ok(ClusterEvent::after(call.conn, owner.as_deref(), last, PAGE)?)).await?;
        self.behind = i64::try_from(page.len()) == Ok(PAGE);
        page.iter().try_for_each(|event| self.take(event))
    }

    /// Takes what comes live, and looks at the caller if that is anything for them.
    async fn listen(&mut self) -> Result<()> {
        let due = self.checked + self.invocation.kernel.recheck();
        match timeout_at(due.into(), self.seat.events.recv()).await {
            Ok(Ok(event)) => self.take(&event)?,
            Ok(Err(RecvError::Lagged(_))) => self.lag()?,
            Ok(Err(RecvError::Closed)) => return Err(Error::unavailable("The server is stopping.")),
            Err(_elapsed) => return Ok(()),
        }
        while self.ready.len() < BATCH && !self.behind {
            match self.seat.events.try_recv() {
                Ok(event) => self.take(&event)?,
                Err(TryRecvError::Lagged(_)) => self.lag()?,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        if self.ready.is_empty() { Ok(()) } else { self.look(|_| Ok(())).await }
    }

    fn take(&mut self, event: &ClusterEvent) -> Result<()> {
        if event.id > self.last {
            self.last = event.id;
            self.offer(Signal::Event(event))?;
        }
        Ok(())
    }

    /// Too slow for the feed: the rest of what was missed is in the rows.
    fn lag(&mut self) -> Result<()> {
        self.behind = true;
        self.offer(Signal::Lagged { last: self.last })
    }

    fn offer(&mut self, signal: Signal<'_>) -> Result<()> {
        if let Some(data) = self.watch.select(signal) {
            self.ready.push_back(Event { id: Some(self.last.to_string()), data: data? });
        }
        Ok(())
    }

    /// Does some reading for the caller, if they still may. While the database is away, nothing is delivered.
    async fn look<T, W>(&mut self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut Call<'_>) -> Result<T> + Clone + Send + 'static,
    {
        let invocation = self.invocation.renewed();
        loop {
            let (owner, mut work) = (self.watch.owner().map(str::to_owned), work.clone());
            let permitted = move |call: &mut Call<'_>| {
                rule::authorize(owner.as_deref(), call)?;
                work(call)
            };
            match invocation.again(permitted).await {
                Err(Error::Unavailable { retry_after, .. }) if Instant::now() + retry_after < invocation.deadline => {
                    sleep(retry_after).await;
                }
                result => {
                    self.checked = Instant::now();
                    return result;
                }
            }
        }
    }
}
