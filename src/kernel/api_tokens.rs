//! API tokens before their calls reach the database: whose calls they count as, and who may look one up.
//!
//! What a token may do is read from the database on every call. What is kept here only decides what a call counts
//! against.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedMutexGuard, Semaphore, SemaphorePermit};

use crate::auth::TokenHash;

/// Most tokens whose user is remembered.
const KNOWN: usize = 10_000;
/// Most look-ups at a time, of all addresses, so that they can't fill the queue of the database threads.
const LOOK_UPS: usize = 64;

/// The API tokens that were found in the database, and the look-ups of others.
pub struct ApiTokens {
    /// Their users. Only valid tokens get in, so a caller without an account can't fill it.
    known: Mutex<HashMap<TokenHash, Arc<str>>>,
    /// By address: what its next look-up waits for.
    turns: Mutex<HashMap<String, Turn>>,
    look_ups: Semaphore,
}

type Turn = Arc<tokio::sync::Mutex<()>>;

/// A place among the look-ups of one address. Whoever leaves last removes the entry.
struct Place<'a> {
    tokens: &'a ApiTokens,
    address: &'a str,
    /// Taken when the place is given up.
    turn: Option<Turn>,
}

/// The permission to look up one token, until it is dropped.
pub(super) struct LookUp<'a> {
    _permit: Option<SemaphorePermit<'a>>,
    _turn: OwnedMutexGuard<()>,
    _place: Place<'a>,
}

impl ApiTokens {
    /// No token is known.
    pub fn new() -> Self {
        Self { known: Mutex::default(), turns: Mutex::default(), look_ups: Semaphore::new(LOOK_UPS) }
    }

    /// The user of a token that was valid when it was last looked up.
    pub fn holder(&self, token: &TokenHash) -> Option<Arc<str>> {
        lock(&self.known).get(token).cloned()
    }

    /// Remembers the user of a valid token.
    pub fn learn(&self, token: &TokenHash, user_id: &Arc<str>) {
        let mut known = lock(&self.known);
        if known.len() >= KNOWN {
            // Clearing is simpler than evicting the least recently used; each token costs one more look-up.
            known.clear();
        }
        known.insert(token.clone(), Arc::clone(user_id));
    }

    /// Forgets a token that is no longer valid.
    pub fn forget(&self, token: &TokenHash) {
        lock(&self.known).remove(token);
    }

    /// Waits until this address may look up a token. Each address looks up one at a time, in the order of arrival.
    pub(super) async fn look_up<'a>(&'a self, address: &'a str) -> LookUp<'a> {
        let turn = Arc::clone(lock(&self.turns).entry(address.to_owned()).or_default());
        let place = Place { tokens: self, address, turn: Some(Arc::clone(&turn)) };
        let turn = turn.lock_owned().await;
        // The semaphore is never closed.
        let permit = self.look_ups.acquire().await.ok();
        LookUp { _permit: permit, _turn: turn, _place: place }
    }
}

impl Default for ApiTokens {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut turns = lock(&self.tokens.turns);
        // References are taken and given up under the lock, so the last one is the map's own.
        drop(self.turn.take());
        if turns.get(self.address).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            turns.remove(self.address);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds a lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, future::join_all};

    use super::*;
    use crate::auth::PlainToken;

    #[tokio::test]
    async fn an_address_looks_up_one_token_at_a_time_and_leaves_nothing_behind() {
        let tokens = ApiTokens::new();
        let first = tokens.look_up("a").await;
        assert!(tokens.look_up("a").now_or_never().is_none(), "two look-ups of one address at a time");
        drop(tokens.look_up("b").await);
        assert_eq!(lock(&tokens.turns).len(), 1);
        let mut second = Box::pin(tokens.look_up("a"));
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        drop(second.await);
        join_all((0..100).map(|_| async { drop(tokens.look_up("a").await) })).await;
        assert!(lock(&tokens.turns).is_empty());
    }

    #[tokio::test]
    async fn the_look_ups_of_all_addresses_have_a_limit() {
        let tokens = ApiTokens::new();
        let addresses: Vec<String> = (0..=LOOK_UPS).map(|number| number.to_string()).collect();
        let held = join_all(addresses[..LOOK_UPS].iter().map(|address| tokens.look_up(address))).await;
        assert!(tokens.look_up(&addresses[LOOK_UPS]).now_or_never().is_none());
        drop(held);
        drop(tokens.look_up(&addresses[LOOK_UPS]).await);
    }

    #[test]
    fn no_more_tokens_are_known_than_fit() {
        let (tokens, user) = (ApiTokens::new(), Arc::from("user_1"));
        for _ in 0..KNOWN + 10 {
            tokens.learn(&PlainToken::generate().hash(), &user);
        }
        assert_eq!(lock(&tokens.known).len(), 10);
    }
}
