//! The context of a request, and what is left of the caller's rate limit.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use crate::budget::Share;

/// What is known of a request before any procedure is named. All calls of a batch share it.
#[derive(Clone, Debug)]
pub struct Context<C> {
    /// A UUID, which is in every error and in the log.
    pub request_id: String,
    /// Who is calling, in the application's own type. Its default is an anonymous caller.
    pub caller: C,
    /// What the message and its answers occupy of the server's memory.
    pub share: Share,
}

impl<C> Context<C> {
    /// A request with a new id and an unlimited share of memory.
    pub fn new(caller: C) -> Self {
        Self { request_id: Uuid::new_v4().to_string(), caller, share: Share::default() }
    }
}

impl<C: Clone> Context<C> {
    /// The same request for a subscription, which outlives its message and so has no share in the memory of messages.
    #[must_use]
    pub fn lasting(&self) -> Arc<Self> {
        Arc::new(Self { share: Share::default(), ..self.clone() })
    }
}

/// What is left of a caller's rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Calls per window.
    pub limit: u32,
    /// Calls left now.
    pub remaining: u32,
    /// Until the whole limit is available again.
    pub reset: Duration,
    /// How long to wait before the next call; only after a refusal.
    pub retry_after: Option<Duration>,
}

impl Allowance {
    /// The allowance with the fewest calls left.
    pub fn scarcest(allowances: impl IntoIterator<Item = Self>) -> Option<Self> {
        allowances.into_iter().min_by_key(|allowance| allowance.remaining)
    }
}
