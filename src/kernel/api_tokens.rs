//! API tokens before their calls reach the database: whose calls they count as, and who may look one up.
//!
//! What a token may do is read from the database on every call. What is kept here only decides what a call counts
//! against.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use super::limiter::Key;
use crate::{
    auth::TokenHash,
    db::Timestamp,
    error::{BUSY, Error, Result},
};

/// Most tokens whose user is remembered.
const KNOWN: usize = 10_000;
/// How long a token is remembered after it was valid. Whoever has one that was revoked since can use up the user's rate
/// limit for so long.
const FRESH: Duration = Duration::from_secs(60);
/// Most look-ups at a time, of all addresses, so that they can't fill the queue of the database threads.
const LOOK_UPS: usize = 64;
/// Most look-ups of one address, including those that wait.
const PLACES_OF_ONE: usize = 256;
/// Most look-ups of all addresses, including those that wait.
const PLACES: usize = 1024;

/// The API tokens that were found in the database lately, and the look-ups of others.
pub struct ApiTokens {
    /// Their users. Only valid tokens get in, so a caller without an account can't fill it.
    known: Mutex<HashMap<TokenHash, Holder>>,
    queue: Arc<Mutex<Queue>>,
    look_ups: Arc<Semaphore>,
}

/// The user of a token.
struct Holder {
    user_id: Arc<str>,
    /// When the token was last valid.
    verified: Instant,
    /// The last time at which it was used, as that was noted.
    noted: Option<Timestamp>,
}

/// The look-ups that run or wait.
#[derive(Default)]
struct Queue {
    by_address: HashMap<Key, Line>,
    places: usize,
}

/// The look-ups of one address.
#[derive(Default)]
struct Line {
    turn: Arc<tokio::sync::Mutex<()>>,
    places: usize,
}

/// A place in the queue, until it is dropped.
struct Place {
    queue: Arc<Mutex<Queue>>,
    address: Key,
}

/// The permission to look up one token, until it is dropped.
pub(super) struct LookUp {
    _permit: Option<OwnedSemaphorePermit>,
    _turn: OwnedMutexGuard<()>,
    _place: Place,
}

impl ApiTokens {
    /// No token is known.
    pub fn new() -> Self {
        Self { known: Mutex::default(), queue: Arc::default(), look_ups: Arc::new(Semaphore::new(LOOK_UPS)) }
    }

    /// The user of a token that was valid a moment ago.
    pub fn holder(&self, token: &TokenHash) -> Option<Arc<str>> {
        self.holder_at(token, Instant::now())
    }

    fn holder_at(&self, token: &TokenHash, now: Instant) -> Option<Arc<str>> {
        let known = lock(&self.known);
        let holder = known.get(token).filter(|holder| holder.is_fresh(now))?;
        Some(Arc::clone(&holder.user_id))
    }

    /// Remembers the user of a token that is valid now.
    pub fn learn(&self, token: &TokenHash, user_id: &str) -> Arc<str> {
        let (mut known, verified) = (lock(&self.known), Instant::now());
        if let Some(holder) = known.get_mut(token) {
            holder.verified = verified;
            return Arc::clone(&holder.user_id);
        }
        if known.len() >= KNOWN {
            forget_oldest(&mut known, verified);
        }
        let user_id: Arc<str> = Arc::from(user_id);
        known.insert(token.clone(), Holder { user_id: Arc::clone(&user_id), verified, noted: None });
        user_id
    }

    /// Whether a known token was not used at this time before, as far as that was noted. It is noted now.
    pub(super) fn is_first_use(&self, token: &TokenHash, at: Timestamp) -> bool {
        lock(&self.known).get_mut(token).is_some_and(|holder| holder.noted.replace(at) != Some(at))
    }

    /// Forgets a token that is no longer valid.
    pub fn forget(&self, token: &TokenHash) {
        lock(&self.known).remove(token);
    }

    /// Waits until this address may look up a token. Each address looks up one at a time, in the order of arrival.
    ///
    /// # Errors
    /// SERVICE_UNAVAILABLE when too many wait.
    pub(super) async fn look_up(&self, address: &Key) -> Result<LookUp> {
        let (place, turn) = self.place(address).ok_or_else(|| Error::unavailable(BUSY))?;
        let turn = turn.lock_owned().await;
        // The semaphore is never closed.
        let permit = Arc::clone(&self.look_ups).acquire_owned().await.ok();
        Ok(LookUp { _permit: permit, _turn: turn, _place: place })
    }

    /// Takes a place in the queue, unless it is full.
    fn place(&self, address: &Key) -> Option<(Place, Arc<tokio::sync::Mutex<()>>)> {
        let mut queue = lock(&self.queue);
        let full = queue.by_address.get(address).is_some_and(|line| line.places >= PLACES_OF_ONE);
        if full || queue.places >= PLACES {
            return None;
        }
        queue.places = queue.places.saturating_add(1);
        let line = queue.by_address.entry(address.clone()).or_default();
        line.places = line.places.saturating_add(1);
        Some((Place { queue: Arc::clone(&self.queue), address: address.clone() }, Arc::clone(&line.turn)))
    }
}

impl Default for ApiTokens {
    fn default() -> Self {
        Self::new()
    }
}

impl Holder {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.verified) < FRESH
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queue = lock(&self.queue);
        queue.places = queue.places.saturating_sub(1);
        if let Some(line) = queue.by_address.get_mut(&self.address) {
            line.places = line.places.saturating_sub(1);
            if line.places == 0 {
                queue.by_address.remove(&self.address);
            }
        }
    }
}

/// Makes room: for at least half, so that this is rare.
fn forget_oldest(known: &mut HashMap<TokenHash, Holder>, now: Instant) {
    let mut times: Vec<Instant> = known.values().map(|holder| holder.verified).collect();
    let middle = times.len() / 2;
    let (_, &mut median, _) = times.select_nth_unstable(middle);
    known.retain(|_, holder| holder.verified > median && holder.is_fresh(now));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds a lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, future::join_all};

    use super::*;
    use crate::{auth::PlainToken, kernel::limiter::user_key};

    #[tokio::test]
    async fn an_address_looks_up_one_token_at_a_time_and_leaves_nothing_behind() {
        let (tokens, a) = (ApiTokens::new(), user_key("a"));
        let first = tokens.look_up(&a).await.unwrap();
        assert!(tokens.look_up(&a).now_or_never().is_none(), "two look-ups of one address at a time");
        drop(tokens.look_up(&user_key("b")).await.unwrap());
        assert_eq!(lock(&tokens.queue).by_address.len(), 1);
        let mut second = Box::pin(tokens.look_up(&a));
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        drop(second.await.unwrap());
        join_all((0..100).map(|_| async { drop(tokens.look_up(&a).await.unwrap()) })).await;
        let queue = lock(&tokens.queue);
        assert_eq!((queue.by_address.len(), queue.places), (0, 0));
    }

    #[tokio::test]
    async fn the_look_ups_of_all_addresses_have_a_limit() {
        let tokens = ApiTokens::new();
        let addresses: Vec<Key> = (0..=LOOK_UPS).map(|number| user_key(&number.to_string())).collect();
        let held = join_all(addresses[..LOOK_UPS].iter().map(|address| tokens.look_up(address))).await;
        assert!(tokens.look_up(&addresses[LOOK_UPS]).now_or_never().is_none());
        drop(held);
        drop(tokens.look_up(&addresses[LOOK_UPS]).await.unwrap());
    }

    #[tokio::test]
    async fn so_many_look_ups_wait_and_no_more() {
        let tokens = ApiTokens::new();
        let addresses: Vec<Key> = (0..PLACES / PLACES_OF_ONE).map(|number| user_key(&number.to_string())).collect();
        let wait = |address| {
            let mut look_up = Box::pin(tokens.look_up(address));
            let refused = look_up.as_mut().now_or_never().is_some_and(|outcome| outcome.is_err());
            (refused, look_up)
        };
        let another = user_key("another");
        let (mut held, mut waiting) = (Vec::new(), Vec::new());
        for address in &addresses {
            let turn = tokens.look_up(address).await.unwrap();
            held.push(turn);
            waiting.extend((1..PLACES_OF_ONE).map(|_| wait(address)));
            assert!(wait(address).0, "more than one address may have");
        }
        assert!(wait(&another).0, "more than all may have");
        assert!(!waiting.iter().any(|(refused, _)| *refused));
        waiting.pop();
        assert!(!wait(&another).0);
    }

    #[test]
    fn a_token_is_known_for_a_minute_after_it_was_valid() {
        let (tokens, token) = (ApiTokens::new(), PlainToken::generate().hash());
        tokens.learn(&token, "user_1");
        let later = Instant::now();
        assert_eq!(tokens.holder_at(&token, later).as_deref(), Some("user_1"));
        assert_eq!(tokens.holder_at(&token, later + FRESH), None);
        lock(&tokens.known).get_mut(&token).unwrap().verified -= FRESH;
        assert_eq!(tokens.holder(&token), None);
        tokens.learn(&token, "user_1");
        assert_eq!(tokens.holder(&token).as_deref(), Some("user_1"));
    }

    #[test]
    fn no_more_tokens_are_known_than_fit_and_the_newest_are_kept() {
        let tokens = ApiTokens::new();
        let hashes: Vec<TokenHash> = (0..KNOWN + 10).map(|_| PlainToken::generate().hash()).collect();
        for token in &hashes {
            tokens.learn(token, "user_1");
            assert!(lock(&tokens.known).len() <= KNOWN);
        }
        assert!(hashes[KNOWN / 2 + 10..].iter().all(|token| tokens.holder(token).is_some()));
    }
}
