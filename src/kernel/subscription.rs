//! A running subscription: first what was missed, then what happens, each event once and in order, as long as the caller
//! may have it.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use futures_util::stream::unfold;
use procedures::{Event, Subscription};
use serde_json::{Value, value::RawValue};
use tokio::{
    sync::{
        broadcast::error::{RecvError, TryRecvError},
        watch,
    },
    time::{sleep, timeout_at},
};

use super::{
    call::Call,
    feed::{PAGE, Seat},
    invocation::{Attempt, Invocation},
    watch::{Page, Signal, Watch, unknown_event},
};
use crate::{
    error::{Error, Result},
    models::event_log::EventLog,
};

/// Events that may be delivered after one check of the caller's rights.
const BATCH: usize = 64;

/// A watch whose outputs are written already.
type Written<E> = Watch<E, Result<Box<RawValue>>>;

/// The handler of a subscription. The types of its input and output are erased.
pub(super) type Handler<E> = Arc<dyn Fn(&mut Call<'_>, Value) -> Result<Written<E>> + Send + Sync>;

/// What a subscription keeps between two events.
struct Watcher<E> {
    invocation: Invocation,
    watch: Written<E>,
    /// Everything up to this position was delivered, is ready to be, or is not for this subscriber.
    last: i64,
    /// Whether events still come from the log; else they come live.
    behind: bool,
    ready: VecDeque<Event>,
    /// When the caller's rights were last checked.
    checked: Instant,
    seat: Seat<E>,
}

/// Starts a subscription. The seat is taken first, so that nothing committed from then on is missed.
///
/// # Errors
/// Those of the guards and of the handler; BAD_REQUEST for a position that is still to come.
pub(super) async fn start<E: EventLog>(
    invocation: Invocation,
    handler: Handler<E>,
    input: Value,
) -> Result<Attempt<Subscription>> {
    let seat = invocation.services.feeds.seat::<E>();
    let look = move |call: &mut Call<'_>| {
        let watch = handler(call, input.clone())?;
        (watch.permit)(call)?;
        Ok((watch, E::newest(call.conn)?))
    };
    match invocation.read(look).await? {
        Attempt::Done((watch, newest)) => {
            let watcher = Watcher::new(invocation, watch, seat, newest)?;
            Ok(Attempt::Done(watcher.into_subscription()))
        }
        Attempt::NoUser => Ok(Attempt::NoUser),
    }
}

impl<E: EventLog> Watcher<E> {
    /// `newest` is the newest event, read after the seat was taken.
    fn new(invocation: Invocation, watch: Written<E>, seat: Seat<E>, newest: i64) -> Result<Self> {
        if watch.after.is_some_and(|after| after > newest) {
            return Err(unknown_event());
        }
        seat.start(newest);
        let (last, fresh) = (watch.after.unwrap_or(newest), watch.after.is_none());
        let (ready, checked) = (VecDeque::new(), Instant::now());
        // Also when there is nothing to resume: the feed may have started after `newest`.
        let mut watcher = Self { invocation, watch, last, behind: true, ready, checked, seat };
        if fresh {
            // A position to resume from, even for a client that has seen no event.
            watcher.offer(Signal::Ready { last })?;
        }
        Ok(watcher)
    }

    fn into_subscription(self) -> Subscription {
        let draining = self.invocation.services.draining.clone();
        Subscription::new(unfold(Some((self, draining)), |state| async {
            let (mut watcher, mut draining) = state?;
            match watcher.next(&mut draining).await? {
                Ok(event) => Some((Ok(event), Some((watcher, draining)))),
                Err(error) => {
                    let procedure = watcher.invocation.procedure.name;
                    tracing::info!(procedure, code = error.code().as_str(), "the subscription ends");
                    Some((Err(error.into()), None))
                }
            }
        }))
    }

    async fn next(&mut self, draining: &mut watch::Receiver<bool>) -> Option<Result<Event>> {
        tokio::select! {
            biased;
            // An error means that the server is gone.
            _ = draining.wait_for(|draining| *draining) => None,
            event = self.event() => Some(event),
        }
    }

    async fn event(&mut self) -> Result<Event> {
        loop {
            if self.checked.elapsed() >= self.invocation.services.timeouts.recheck {
                self.check(|_| Ok(())).await?;
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

    /// Reads a page of the log.
    async fn catch_up(&mut self) -> Result<()> {
        let (read, page) = (Arc::clone(&self.watch.read), Page { after: self.last, limit: PAGE });
        let rows = self.check(move |call| read(call.conn, page)).await?;
        self.behind = i64::try_from(rows.len()) == Ok(PAGE);
        rows.iter().try_for_each(|event| self.take(event))
    }

    /// Takes what comes live, and checks the caller if any of it is for them.
    async fn listen(&mut self) -> Result<()> {
        let due = self.checked + self.invocation.services.timeouts.recheck;
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
        if self.ready.is_empty() { Ok(()) } else { self.check(|_| Ok(())).await }
    }

    fn take(&mut self, event: &E) -> Result<()> {
        if event.id() > self.last {
            self.last = event.id();
            self.offer(Signal::Event(event))?;
        }
        Ok(())
    }

    /// Too slow for the feed: the rest is read from the log.
    fn lag(&mut self) -> Result<()> {
        self.behind = true;
        self.offer(Signal::Lagged { last: self.last })
    }

    fn offer(&mut self, signal: Signal<'_, E>) -> Result<()> {
        if let Some(data) = self.watch.select(signal) {
            self.ready.push_back(Event { id: Some(self.last.to_string()), data: data? });
        }
        Ok(())
    }

    /// Checks that the caller may still subscribe, and reads for them. While the database is out of reach nothing is
    /// delivered.
    async fn check<T, W>(&mut self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut Call<'_>) -> Result<T> + Clone + Send + 'static,
    {
        let invocation = self.invocation.renewed();
        loop {
            let (permit, mut work) = (Arc::clone(&self.watch.permit), work.clone());
            let permitted = move |call: &mut Call<'_>| {
                permit(call)?;
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
