//! The user whose calls an API token or a session counts as.

use std::{net::IpAddr, sync::Arc, time::Instant};

use anyhow::anyhow;
use futures_util::future::join;
use procedures::{Allowance, Bucket};
use tokio::time::timeout_at;
use tracing::Instrument;

use super::{
    caller::{SESSION_OVER, UNKNOWN_TOKEN},
    limiter::{Key, address_key, network, within},
    services::Services,
};
use crate::{
    auth::Credential,
    db::{Company, DbConnection, Timestamp, plain},
    error::{Error, Result},
    models::{api_token::ApiToken, session::Session},
    traces::Trace,
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
    /// and counts against the address if it is invalid. The look-up is a part of the `trace` of the call, if it has one.
    ///
    /// # Errors
    /// UNAUTHORIZED for an invalid token; TOO_MANY_REQUESTS; SERVICE_UNAVAILABLE when too many wait; those of a read.
    pub(super) async fn holder(
        self: &Arc<Self>,
        credential: &Credential,
        asker: Asker,
        trace: Option<&Trace>,
    ) -> Result<Arc<str>, Refusal> {
        let token = credential.stored().ok_or(UNKNOWN_TOKEN)?;
        if let Some(user_id) = self.tokens.holder(token) {
            return Ok(user_id);
        }
        let guesses = Key::Guesses(asker.address.map(network));
        // Whoever has used up the limit does not take a place among those who wait.
        self.may_guess(asker, &guesses).await?;
        let turn = timeout_at(asker.deadline.into(), self.tokens.look_up(&guesses)).await;
        let look_up = turn.map_err(|_elapsed| Error::Timeout)??;
        // Meanwhile another call may have looked it up, or used up the limit.
        if let Some(user_id) = self.tokens.holder(token) {
            return Ok(user_id);
        }
        self.may_guess(asker, &guesses).await?;
        let (this, credential, company) = (Arc::clone(self), credential.clone(), Company::none(trace.cloned()));
        let verify = async move {
            let _until_answered = look_up;
            this.verify(&credential, asker, &guesses, company).await
        };
        // It goes on when the call is dropped, so that nobody guesses for free by hanging up.
        let verified = tokio::spawn(verify.in_current_span()).await;
        verified.unwrap_or_else(|_panic| Err(Error::Internal(anyhow!("the look-up of a token panicked")).into()))
    }

    async fn may_guess(&self, asker: Asker, guesses: &Key) -> Result<(), Refusal> {
        let allowance = self.limiter.peek(asker.bucket, guesses).await;
        within(allowance).map_err(|error| Refusal { error, allowance })
    }

    /// Looks up a token in the database, and remembers it or counts it.
    async fn verify(
        self: Arc<Self>,
        credential: &Credential,
        asker: Asker,
        guesses: &Key,
        company: Company,
    ) -> Result<Arc<str>, Refusal> {
        let (this, asked) = (Arc::clone(&self), credential.clone());
        let find = move |conn: &mut DbConnection| this.counted(asker.procedure, || user_of(conn, &asked, asker.now));
        let found = self.db.query(asker.deadline, true, company, plain(find)).await?;
        if let (Some(user_id), Some(token)) = (found, credential.stored()) {
            return Ok(self.tokens.learn(token, &user_id));
        }
        let address = address_key(asker.address);
        let counted = join(self.limiter.check(asker.bucket, guesses), self.limiter.check(asker.bucket, &address));
        let (_guesses, allowance) = counted.await;
        let unknown = if matches!(credential, Credential::Session(_)) { SESSION_OVER } else { UNKNOWN_TOKEN };
        let error = within(allowance).err().unwrap_or(unknown);
        Err(Refusal { error, allowance })
    }
}

/// The user of a token or a session that is valid now.
fn user_of(conn: &mut DbConnection, credential: &Credential, now: Timestamp) -> Result<Option<String>> {
    match credential {
        Credential::Session(hash) => Ok(Session::holder(conn, hash.as_str(), now)?.map(|(_, user_id)| user_id)),
        Credential::ApiToken(hash) => Ok(ApiToken::holder(conn, hash.as_str(), now)?.map(|token| token.user_id)),
        _ => Ok(None),
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, allowance: None }
    }
}
