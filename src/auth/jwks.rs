//! Keys behind a URL. They are fetched when the first JWT arrives, and again when they are old or a
//! token names an unknown key. One fetch runs at a time; after a failed fetch the previous keys stay in use.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;
use reqwest::{Client, Url};
use sha2::{Digest, Sha256};
use tokio::sync::OwnedMutexGuard;

use super::{key::Source, key_set::KeySet, remote};

/// How often keys are fetched. Not configurable; tests use shorter times.
#[derive(Clone, Debug)]
pub(super) struct Timing {
    /// Timeout of a whole fetch.
    pub(super) timeout: Duration,
    /// Minimum time between two fetches, so that many tokens with unknown key ids cause only one.
    pub(super) cooldown: Duration,
    /// Minimum time between two fetches as long as there are no keys and every token waits for them.
    pub(super) first_retry: Duration,
    /// Age at which keys are fetched again without an unknown key id, so that a withdrawn key stops working.
    pub(super) max_age: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            cooldown: Duration::from_secs(30),
            first_retry: Duration::from_secs(3),
            max_age: Duration::from_secs(600),
        }
    }
}

/// The keys behind a URL, as they were last fetched.
pub(super) struct RemoteKeys {
    client: Client,
    url: Url,
    /// What messages call the URL.
    name: &'static str,
    timing: Timing,
    state: Mutex<State>,
    /// Held during a fetch.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    keys: Option<Arc<KeySet>>,
    /// SHA-256 of the document that the keys were read from.
    digest: [u8; 32],
    fetched_at: Option<Instant>,
    /// When the last fetch ended, successful or not.
    tried_at: Option<Instant>,
}

/// Why a fetch may be necessary.
#[derive(Clone, Copy)]
enum FetchReason {
    NoKeys,
    OldKeys,
    UnknownKey,
}

impl RemoteKeys {
    /// Prepares to fetch from `url`; nothing is fetched yet. Messages call the URL `name`.
    ///
    /// # Errors
    /// The URL is neither https:// nor http:// to a loopback host.
    pub(super) fn new(url: &str, name: &'static str, timing: Timing) -> anyhow::Result<Self> {
        let url = remote::url(url)?;
        let client = remote::client(&url, timing.timeout)?;
        Ok(Self { client, url, name, timing, state: Mutex::default(), turn: Arc::default() })
    }

    /// The keys; they are fetched if there are none. If they are old, one caller fetches them again while the others
    /// use the old ones. None if no fetch has ever succeeded.
    pub(super) async fn current(self: &Arc<Self>) -> Option<Arc<KeySet>> {
        if self.is_due(FetchReason::NoKeys) {
            self.fetch_in_turn(Arc::clone(&self.turn).lock_owned().await, FetchReason::NoKeys).await;
        } else if self.is_due(FetchReason::OldKeys)
            && let Ok(turn) = Arc::clone(&self.turn).try_lock_owned()
        {
            self.fetch_in_turn(turn, FetchReason::OldKeys).await;
        }
        self.known()
    }

    /// The keys after a token named an unknown one. They are fetched again unless the last fetch was very recent.
    pub(super) async fn refetched(self: &Arc<Self>) -> Option<Arc<KeySet>> {
        if self.is_due(FetchReason::UnknownKey) {
            self.fetch_in_turn(Arc::clone(&self.turn).lock_owned().await, FetchReason::UnknownKey).await;
        }
        self.known()
    }

    /// Fetches the keys regardless of the timing and returns how many there are.
    ///
    /// # Errors
    /// The keys could not be fetched or read.
    pub(super) async fn fetch_now(&self) -> anyhow::Result<usize> {
        let _turn = self.turn.lock().await;
        self.fetch().await.map(|keys| keys.len()).context(self.name)
    }

    fn known(&self) -> Option<Arc<KeySet>> {
        self.state().keys.clone()
    }

    fn is_due(&self, reason: FetchReason) -> bool {
        let state = self.state();
        let pause = if state.keys.is_some() { self.timing.cooldown } else { self.timing.first_retry };
        if state.tried_at.is_some_and(|tried_at| tried_at.elapsed() < pause) {
            return false;
        }
        match reason {
            FetchReason::NoKeys => state.keys.is_none(),
            FetchReason::OldKeys => state.fetched_at.is_some_and(|at| at.elapsed() >= self.timing.max_age),
            FetchReason::UnknownKey => true,
        }
    }

    /// Fetches the keys, unless the previous holder of `turn` has done so. The fetch runs in a task of its own, which
    /// holds `turn`: if the caller disconnects, the fetch goes on for those who wait for it.
    async fn fetch_in_turn(self: &Arc<Self>, turn: OwnedMutexGuard<()>, reason: FetchReason) {
        if !self.is_due(reason) {
            return;
        }
        let this = Arc::clone(self);
        let task = tokio::spawn(async move {
            let _turn = turn;
            if let Err(error) = this.fetch().await {
                let keeps_old = this.known().is_some();
                tracing::warn!(keeps_old, "{} could not be fetched: {error:#}", this.name);
            }
        });
        if let Err(error) = task.await {
            tracing::error!(%error, "the fetch of {} was aborted", self.name);
        }
    }

    /// The caller must hold `turn`.
    async fn fetch(&self) -> anyhow::Result<Arc<KeySet>> {
        let fetched = remote::get(&self.client, &self.url).await.and_then(|document| self.read(&document));
        let mut state = self.state();
        state.tried_at = Some(Instant::now());
        let (keys, digest) = fetched?;
        state.fetched_at = state.tried_at;
        state.digest = digest;
        state.keys = Some(Arc::clone(&keys));
        Ok(keys)
    }

    /// An unchanged document keeps the generation of keys, so that verified tokens stay in the cache.
    fn read(&self, document: &[u8]) -> anyhow::Result<(Arc<KeySet>, [u8; 32])> {
        let digest = Sha256::digest(document).into();
        let generation = {
            let state = self.state();
            match &state.keys {
                Some(keys) if state.digest == digest => return Ok((Arc::clone(keys), digest)),
                Some(keys) => keys.generation().saturating_add(1),
                None => 0,
            }
        };
        Ok((Arc::new(KeySet::from_jwks(document, Source::Url, generation)?), digest))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
