//! Rate limits: calls per window, bucket and caller (docs/API.md, "Limits"), by the generic cell rate algorithm.

mod key;
mod local;
mod place;
mod redis_store;
mod shared;

use procedures::{Allowance, Bucket};

pub use self::{
    key::{Key, address_key, network, user_key},
    place::Place,
};
use self::{local::Limit, shared::Shared};
use super::metrics::RateChecks;
use crate::{
    config::{Limits, RateLimitSettings},
    db::DatabaseUrl,
    error::{Error, Result},
};

/// The bucket of procedures that call Stripe's API.
pub const STRIPE: Bucket = Bucket::new("stripe");

/// The rate limits of all buckets; None where a bucket has no limit.
pub struct Limiter {
    read: Option<Limit>,
    write: Option<Limit>,
    stripe: Option<Limit>,
    /// Where all servers count together. None if each counts for itself.
    shared: Option<Shared>,
}

impl Limiter {
    /// Rate limits with these settings. A maximum of 0 means no limit. `url` is the database, which may be the store of the
    /// limits; the store may still be away.
    ///
    /// # Errors
    /// Those of [`Place::parse`], and when the operating system refuses a thread.
    pub fn new(
        settings: &RateLimitSettings,
        url: &DatabaseUrl,
        limits: &Limits,
        checks: &RateChecks,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            read: Limit::new(settings.rate_limit_read_max_requests, settings.rate_limit_read_window_ms),
            write: Limit::new(settings.rate_limit_write_max_requests, settings.rate_limit_write_window_ms),
            stripe: Limit::new(settings.rate_limit_stripe_max_requests, settings.rate_limit_stripe_window_ms),
            shared: Shared::open(Place::parse(settings.rate_limit_store.as_ref(), url)?, url, limits, checks)?,
        })
    }

    /// Counts one call against the limit of `key`. None when the bucket has no limit.
    pub async fn check(&self, bucket: Bucket, key: &Key) -> Option<Allowance> {
        self.ask(bucket, key, true).await
    }

    /// What [`Self::check`] would return for one more call; counts nothing.
    pub async fn peek(&self, bucket: Bucket, key: &Key) -> Option<Allowance> {
        self.ask(bucket, key, false).await
    }

    async fn ask(&self, bucket: Bucket, key: &Key, count: bool) -> Option<Allowance> {
        let limit = match bucket {
            Bucket::READ => self.read.as_ref(),
            Bucket::WRITE => self.write.as_ref(),
            STRIPE => self.stripe.as_ref(),
            _ => None,
        }?;
        Some(match &self.shared {
            None => limit.check(key, count),
            // Boxed, or every call would have room for it.
            Some(shared) => Box::pin(shared.check(limit, bucket, key, count)).await,
        })
    }
}

/// Refuses a call beyond its limit.
///
/// # Errors
/// TOO_MANY_REQUESTS.
pub fn within(allowance: Option<Allowance>) -> Result<()> {
    let over = allowance.and_then(|allowance| allowance.retry_after);
    over.map_or(Ok(()), |retry_after| Err(Error::TooManyRequests { retry_after }))
}
