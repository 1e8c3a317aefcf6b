//! One count for all servers. A store that is away or slow delays a call once by a moment, and fails none: this process then
//! goes on by itself from what the store has found last, and returns to it after a pause.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use procedures::{Allowance, Bucket};
use tokio::time::timeout;

use super::{key::Key, local::Limit, place::Place, redis_store::RedisStore};
use crate::{
    config::Limits,
    db::{Absence, Count, DatabaseUrl, Rate, RateStore},
    kernel::metrics::RateChecks,
};

/// Counts in a store, and in this process while that is away.
pub(super) struct Shared {
    store: Store,
    absence: Absence,
    patience: Duration,
    checks: RateChecks,
}

/// What counts for all servers.
enum Store {
    Postgres(RateStore),
    Redis(Box<RedisStore>),
}

impl Shared {
    /// The store at `place`, which may still be away; `url` is the database. None if each server counts for itself.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn open(place: Place, url: &DatabaseUrl, limits: &Limits, checks: &RateChecks) -> Result<Option<Self>> {
        let store = match place {
            Place::Local => return Ok(None),
            Place::Postgres => Store::Postgres(RateStore::open(url, limits.store_sweep)?),
            Place::Redis(store) => {
                store.connect();
                Store::Redis(store)
            }
        };
        let (absence, patience) = (Absence::new(limits.store_pause), limits.store_patience);
        Ok(Some(Self { store, absence, patience, checks: checks.clone() }))
    }

    /// What is left for a call of `key`, which is counted if `count` says so and the limit has it left.
    pub async fn check(&self, limit: &Limit, bucket: Bucket, key: &Key, count: bool) -> Allowance {
        if self.absence.may_try()
            && let Some(found) = self.ask(limit.rate(), key.digest(bucket), count).await
        {
            self.checks.counted.inc();
            return limit.found(key, found);
        }
        self.checks.local.inc();
        limit.check(key, count)
    }

    async fn ask(&self, rate: Rate, key: String, count: bool) -> Option<Count> {
        let began = Instant::now();
        let answer = timeout(self.patience, self.store.count(rate, key, count)).await;
        match answer.unwrap_or_else(|_elapsed| Err(anyhow!("no answer within {} ms", self.patience.as_millis()))) {
            Ok(found) => {
                if self.absence.end(began) {
                    tracing::info!("rate limits are counted for all servers together again");
                }
                Some(found)
            }
            Err(error) => {
                self.store.renew();
                if self.absence.begin() {
                    let error = format!("{error:#}");
                    tracing::warn!(error, "RATE_LIMIT_STORE does not answer; this server counts for itself for now");
                }
                None
            }
        }
    }
}

impl Store {
    async fn count(&self, rate: Rate, key: String, count: bool) -> Result<Count> {
        match self {
            Self::Postgres(store) => store.count(rate, key, count).await,
            Self::Redis(store) => store.count(rate, &key, count).await,
        }
    }

    /// After a failure: the next check takes a new connection. The thread for PostgreSQL does so by itself.
    fn renew(&self) {
        match self {
            Self::Postgres(_) => {}
            Self::Redis(store) => store.renew(),
        }
    }
}
