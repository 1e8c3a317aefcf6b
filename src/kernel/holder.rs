//! The user whose calls an API token counts as.

use std::{net::IpAddr, sync::Arc, time::Instant};

use anyhow::anyhow;
use procedures::{Allowance, Bucket};
use tokio::time::timeout_at;
use tracing::Instrument;

use super::{
    caller::UNKNOWN_TOKEN,
    limiter::{Key, address_key, network, within},
    services::Services,
};
use crate::{
    auth::TokenHash,
    db::{DbConnection, Timestamp},
    error::{Error, Result},
    models::api_token::ApiToken,
};

/// Who wants to know the user of a token, and what for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    /// The client address; None on a unix socket.
    pub address: Option<IpAddr>,
    /// The bucket against which an invalid token counts.
    pub bucket: Bucket,
    /// The label of the SQL statements.
    pub procedure: &'static str,
    /// A token must be valid at this time.
    pub now: Timestamp,
    /// When the look-up ends.
    pub deadline: Instant,
}

/// Why the user of a token is not known.
pub(super) struct Refusal {
    pub error: Error,
    /// What is left of the limit that the token was counted against.
    pub allowance: Option<Allowance>,
}

impl Services {
    /// The user of a token. One that is not known is looked up on the read connections, one at a time for each address,
    /// and counts against the address if it is invalid.
    ///
    /// # Errors
    /// UNAUTHORIZED for an invalid token; TOO_MANY_REQUESTS; SERVICE_UNAVAILABLE when too many wait; those of a read.
    pub(super) async fn holder(self: &Arc<Self>, token: &TokenHash, asker: Asker) -> Result<Arc<str>, Refusal> {
        if let Some(user_id) = self.tokens.holder(token) {
            return Ok(user_id);
        }
        let guesses = Key::Guesses(asker.address.map(network));
        // Whoever has used up the limit does not take a place among those who wait.
        self.may_guess(asker, &guesses)?;
        let turn = timeout_at(asker.deadline.into(), self.tokens.look_up(&guesses)).await;
        let look_up = turn.map_err(|_elapsed| Error::Timeout)??;
        // Meanwhile another call may have looked it up, or used up the limit.
        if let Some(user_id) = self.tokens.holder(token) {
            return Ok(user_id);
        }
        self.may_guess(asker, &guesses)?;
        let (this, token) = (Arc::clone(self), token.clone());
        let verify = async move {
            let _until_answered = look_up;
            this.verify(token, asker, &guesses).await
        };
        // It goes on when the call is dropped, so that nobody guesses for free by hanging up.
        let verified = tokio::spawn(verify.in_current_span()).await;
        verified.unwrap_or_else(|_panic| Err(Error::Internal(anyhow!("the look-up of a token panicked")).into()))
    }

    fn may_guess(&self, asker: Asker, guesses: &Key) -> Result<(), Refusal> {
        let allowance = self.limiter.peek(asker.bucket, guesses);
        within(allowance).map_err(|error| Refusal { error, allowance })
    }

    /// Looks up a token in the database, and remembers it or counts it.
    async fn verify(self: Arc<Self>, token: TokenHash, asker: Asker, guesses: &Key) -> Result<Arc<str>, Refusal> {
        let (this, hash) = (Arc::clone(&self), token.clone());
        let find = move |conn: &mut DbConnection| {
            this.counted(asker.procedure, || Ok(ApiToken::holder(conn, hash.as_str(), asker.now)?))
        };
        if let Some((user_id, _)) = self.db.read(asker.deadline, find).await? {
            return Ok(self.tokens.learn(&token, &user_id));
        }
        self.limiter.check(asker.bucket, guesses);
        let allowance = self.limiter.check(asker.bucket, &address_key(asker.address));
        let error = within(allowance).err().unwrap_or(UNKNOWN_TOKEN);
        Err(Refusal { error, allowance })
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, allowance: None }
    }
}
