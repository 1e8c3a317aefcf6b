//! A running subscription. It delivers missed events from the log and then new events from the feed, each once and in
//! order, as long as the caller has the rights.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use futures_util::stream::unfold;
use procedures::{Event, Subscription};
use serde_json::Value;
use tokio::{
    sync::{
        broadcast::error::{RecvError, TryRecvError},
        watch,
    },
    time::{sleep, timeout_at},
};

use super::{
    call::Call,
    feed::Seat,
    invocation::{Guarded, Invocation},
    limiter::{address_key, user_key},
    log_reader::PAGE,
    run::EncodedOutput,
    subscribers::Subscriber,
    watch::{Signal, Watch, unknown_event},
};
use crate::{
    error::{Error, Result},
    models::event_log::{EventLog, Extent, LogPage, LogPart},
};

/// Events that one look reads at most, however few of them match: those of an owner, if that is a filter, else of the log.
const WINDOW: i64 = 4000;
/// How many events may be delivered after one check of the caller's rights.
const BATCH: usize = 64;

/// A watch whose outputs are encoded.
type EncodedWatch<E> = Watch<E, Result<EncodedOutput>>;

/// The handler of a subscription. The types of its input and output are erased.
pub(super) type Handler<E> = Arc<dyn Fn(&mut Call<'_>, Value) -> Result<EncodedWatch<E>> + Send + Sync>;

/// The state of a subscription between two events.
struct Watcher<E> {
    invocation: Invocation,
    watch: EncodedWatch<E>,
    /// Every event up to this id was delivered, queued for delivery or dropped by the watch.
    last: i64,
    /// Whether events are read from the log; otherwise they come from the feed.
    behind: bool,
    /// Whether the last look left a part of the log unread.
    far: bool,
    /// Events queued for delivery.
    ready: VecDeque<Event>,
    /// When the caller's rights were last checked.
    checked: Instant,
    seat: Seat<E>,
    _counted: Subscriber,
}

/// Starts a subscription. It takes its seat before it reads the newest event id, so that it misses no event between the
/// two.
///
/// # Errors
/// Those of the guards and of the handler; BAD_REQUEST for a position after the newest event, PRECONDITION_FAILED for one
/// before the oldest.
pub(super) async fn start<E: EventLog>(
    invocation: Invocation,
    handler: Handler<E>,
    input: Value,
) -> Result<Guarded<Subscription>> {
    let seat = invocation.services.feeds.seat::<E>();
    let look = move |call: &mut Call<'_>| {
        let watch = handler(call, input.clone())?;
        (watch.permit)(call)?;
        Ok((watch, E::extent(call.conn)?, call.caller.map(|caller| user_key(&caller.user.id))))
    };
    match invocation.read(look).await? {
        Guarded::Done((watch, extent, user)) => {
            let key = user.unwrap_or_else(|| address_key(invocation.context.caller.address));
            let counted = invocation.services.subscribers.enter(key)?;
            let watcher = Watcher::new(invocation, watch, seat, counted, extent)?;
            Ok(Guarded::Done(watcher.into_subscription()))
        }
        Guarded::Unprovisioned(lack) => Ok(Guarded::Unprovisioned(lack)),
    }
}

impl<E: EventLog> Watcher<E> {
    /// `extent` was read after the seat was taken.
    fn new(
        invocation: Invocation,
        watch: EncodedWatch<E>,
        seat: Seat<E>,
        counted: Subscriber,
        extent: Extent,
    ) -> Result<Self> {
        let newest = extent.newest;
        if watch.after.is_some_and(|after| after > newest) {
            return Err(unknown_event());
        }
        watch.after.map_or(Ok(()), |after| all_kept_after(after, extent))?;
        seat.start(newest);
        let (last, fresh) = (watch.after.unwrap_or(newest), watch.after.is_none());
        let (ready, checked) = (VecDeque::new(), Instant::now());
        // Reads the log even if there is nothing to resume, because the feed may have started after `newest`.
        let (behind, far) = (true, false);
        let mut watcher = Self { invocation, watch, last, behind, far, ready, checked, seat, _counted: counted };
        if fresh {
            // Gives the client a position to resume from before the first event.
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
                    watcher.record(&error);
                    Some((Err(error.into()), None))
                }
            }
        }))
    }

    /// Logs why the subscription ends.
    fn record(&self, error: &Error) {
        let Invocation { procedure, context, .. } = &self.invocation;
        let (procedure, request_id) = (procedure.name, context.request_id.as_str());
        match error {
            Error::Internal(_) => {
                tracing::error!(procedure, request_id, detail = error.detail(), "subscription failed")
            }
            error => tracing::info!(procedure, request_id, code = error.code().as_str(), "subscription ended"),
        }
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

    /// Reads the next part of the log.
    async fn catch_up(&mut self) -> Result<()> {
        let services = Arc::clone(&self.invocation.services);
        let _turn = match self.far {
            true => Some(services.feeds.turn().await),
            false => None,
        };
        let (read, after) = (Arc::clone(&self.watch.read), self.last);
        let look = self.check(move |call| {
            let extent = E::extent(call.conn)?;
            all_kept_after(after, extent)?;
            let until = extent.newest;
            let part = read(call.conn, LogPage { after, until, limit: PAGE, window: WINDOW })?;
            Ok((part, until))
        });
        let (LogPart { events, through }, newest) = look.await?;
        let more = through < newest;
        (self.behind, self.far) = (more, more);
        events.iter().try_for_each(|event| self.take(event))?;
        self.last = self.last.max(through);
        Ok(())
    }

    /// Waits for events from the feed, and checks the caller's rights if the watch selects any.
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

    /// Continues from the log, because the feed's buffer overflowed.
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

    /// Checks that the caller may still subscribe, and runs `work`. Retries while the database is unavailable, and once
    /// when it has not answered in time; nothing is delivered meanwhile.
    async fn check<T, W>(&mut self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut Call<'_>) -> Result<T> + Clone + Send + 'static,
    {
        let (mut invocation, mut late) = (self.invocation.renewed(), false);
        loop {
            let (permit, mut work) = (Arc::clone(&self.watch.permit), work.clone());
            let permitted = move |call: &mut Call<'_>| {
                permit(call)?;
                work(call)
            };
            match invocation.recheck(permitted).await {
                Err(Error::Unavailable { retry_after, .. }) if Instant::now() + retry_after < invocation.deadline => {
                    sleep(retry_after).await;
                }
                // The connection that hung was given up; another one may work.
                Err(Error::Timeout) if !late => (invocation, late) = (self.invocation.renewed(), true),
                result => {
                    self.checked = Instant::now();
                    return result;
                }
            }
        }
    }
}

/// Refuses to go on after a position when later events were purged.
fn all_kept_after(position: i64, extent: Extent) -> Result<()> {
    if position < extent.purged { Err(Error::EventsPurged { through: extent.purged }) } else { Ok(()) }
}
