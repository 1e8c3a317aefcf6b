//! When and from where API tokens and sessions are used, to ten minutes. It is written beside the calls, which neither wait for it nor fail
//! with it.

use std::{sync::Arc, time::Instant};

use procedures::Kind;

use super::{client::Client, services::Services};
use crate::{
    auth::{Credential, EXACTNESS},
    db::{DbConnection, Timestamp},
    models::{api_token::ApiToken, session::Session},
};

impl Services {
    /// Notes that the credential of a client was used, unless that was noted a moment ago. An explorer that is left open does not
    /// use its session, but a mutation is always somebody's.
    pub(super) fn note_use(self: &Arc<Self>, client: &Client, kind: Kind, now: Timestamp) {
        let Client { credential, address, .. } = client;
        let Some(token) = credential.stored() else { return };
        if client.unattended && kind != Kind::Mutation && matches!(credential, Credential::Session(_)) {
            return;
        }
        let at = now.last_multiple(EXACTNESS);
        if !self.tokens.is_first_use(token, at) {
            return;
        }
        let (this, credential) = (Arc::clone(self), credential.clone());
        let address = address.map(|address| address.to_string());
        tokio::spawn(async move {
            let note = move |conn: &mut DbConnection| {
                Ok(match &credential {
                    Credential::ApiToken(hash) => ApiToken::note_use(conn, hash.as_str(), at, address.as_deref())?,
                    Credential::Session(hash) => Session::note_use(conn, hash.as_str(), at, address.as_deref())?,
                    _ => false,
                })
            };
            if let Err(error) = this.db.write(Instant::now() + this.timeouts.call, note).await {
                tracing::debug!(error = error.detail(), "could not note the use of a token or a session");
            }
        });
    }
}
