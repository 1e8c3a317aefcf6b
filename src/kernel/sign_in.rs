//! Signing browsers in to the explorer and out. It is not a procedure, because a session is a cookie and not an output.

use std::time::{Duration, Instant};

use procedures::Bucket;
use serde_json::json;

use super::{
    caller,
    client::Client,
    dispatch::Kernel,
    limiter::{address_key, within},
};
use crate::{
    auth::{Attempt, BAD_LINK, Claims, ConsoleSecret, Credential, SignInLink, make_link, open_session, use_link},
    db::{DbConnection, Timestamp},
    error::Result,
    models::{
        audit::{Door, NewAuditEntry},
        session::Session,
        used_sign_in,
        user::{self, User},
    },
};

impl Kernel {
    /// Opens a session for whoever has a link, which works once. Returns the secret of the session. Counts as a write of the
    /// client address.
    ///
    /// # Errors
    /// UNAUTHORIZED when the link does not work; TOO_MANY_REQUESTS; those of a write.
    pub async fn sign_in(&self, client: &Client, request_id: &str, link: &str) -> Result<ConsoleSecret> {
        self.count(client, Bucket::WRITE).await?;
        let (link, now) = (ConsoleSecret::parse(link).ok_or(BAD_LINK)?.hash(), Timestamp::now());
        self.open_session(client, request_id, now, move |conn| use_link(conn, &link, now)).await
    }

    /// Counts the beginning of an attempt to sign in by the identity provider, as a read of the client address.
    ///
    /// # Errors
    /// TOO_MANY_REQUESTS.
    pub async fn count_attempt(&self, client: &Client) -> Result<()> {
        self.count(client, Bucket::READ).await
    }

    /// Counts the end of an attempt, as a write of the client address.
    ///
    /// # Errors
    /// TOO_MANY_REQUESTS.
    pub async fn count_end_of_attempt(&self, client: &Client) -> Result<()> {
        self.count(client, Bucket::WRITE).await
    }

    /// Uses an attempt up. False when it was used before.
    ///
    /// # Errors
    /// Those of a write.
    pub async fn use_attempt(&self, attempt: &Attempt) -> Result<bool> {
        let (hash, expires_at, now) = (attempt.hash(), attempt.expires_at(), Timestamp::now());
        let take = move |conn: &mut DbConnection| Ok(used_sign_in::take(conn, hash.as_str(), expires_at, now)?);
        self.services().db.write(self.deadline(), take).await
    }

    /// Opens a session for whom the identity provider has named, and creates their user on first sign-in. Returns the secret of the
    /// session.
    ///
    /// # Errors
    /// UNAUTHORIZED for a deleted user and for a reserved id; those of a write.
    pub async fn sign_in_as(&self, client: &Client, request_id: &str, claims: Claims) -> Result<ConsoleSecret> {
        let now = Timestamp::now();
        self.open_session(client, request_id, now, move |conn| caller::admit(conn, &claims, now)).await
    }

    /// Opens a session for the user that `find` returns, whose row it locks.
    async fn open_session<F>(
        &self,
        client: &Client,
        request_id: &str,
        now: Timestamp,
        mut find: F,
    ) -> Result<ConsoleSecret>
    where
        F: FnMut(&mut DbConnection) -> Result<User> + Send + 'static,
    {
        let (secret, origin) = (ConsoleSecret::generate(), Origin::of(client, request_id));
        let session = secret.hash();
        let open = move |conn: &mut DbConnection| {
            let user = find(conn)?;
            let opened = open_session(conn, user, &session, origin.address.as_deref(), now)?;
            origin.record(conn, "session.open", &opened.user_id, opened.id, now)?;
            Ok(opened.user_id)
        };
        let db = &self.services().db;
        db.note_write(&db.write(self.deadline(), open).await?);
        Ok(secret)
    }

    /// Ends the session of a browser, if it has one. Counts as a write of the client address.
    ///
    /// # Errors
    /// TOO_MANY_REQUESTS; those of a write.
    pub async fn sign_out(&self, client: &Client, request_id: &str) -> Result<()> {
        let Credential::Session(hash) = client.credential.clone() else { return Ok(()) };
        self.count(client, Bucket::WRITE).await?;
        let (now, origin) = (Timestamp::now(), Origin::of(client, request_id));
        let end = move |conn: &mut DbConnection| {
            let Some((id, user_id)) = Session::holder(conn, hash.as_str(), now)? else { return Ok(None) };
            // A deleted user's sessions are deleted too.
            User::find_locked(conn, &user_id)?;
            if Session::end(conn, &user_id, id)? {
                origin.record(conn, "session.close", &user_id, id, now)?;
            }
            Ok(Some(user_id))
        };
        let db = &self.services().db;
        if let Some(user_id) = db.write(self.deadline(), end).await? {
            db.note_write(&user_id);
        }
        Ok(())
    }

    /// Makes a link that signs in the oldest admin. None when there is no admin.
    ///
    /// # Errors
    /// When the database has not written it in time.
    pub async fn link_for_admin(&self, within: Duration) -> Result<Option<SignInLink>> {
        let make = |conn: &mut DbConnection| {
            let admin = user::oldest_admin(conn)?;
            admin.map(|admin| make_link(conn, &admin.id, Timestamp::now())).transpose()
        };
        self.services().db.write(Instant::now() + within, make).await
    }

    /// Counts a request against the client address.
    async fn count(&self, client: &Client, bucket: Bucket) -> Result<()> {
        within(self.services().limiter.check(bucket, &address_key(client.address)).await)
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.services().timeouts.call
    }
}

/// Where a request comes from, for the audit log.
struct Origin {
    address: Option<String>,
    request_id: String,
    door: Door,
}

impl Origin {
    fn of(client: &Client, request_id: &str) -> Self {
        let address = client.address.map(|address| address.to_string());
        Self { address, request_id: request_id.to_owned(), door: client.door }
    }

    fn record(
        &self,
        conn: &mut DbConnection,
        procedure: &'static str,
        user_id: &str,
        session: i64,
        now: Timestamp,
    ) -> Result<()> {
        let entry = NewAuditEntry {
            created_at: now,
            actor_id: user_id.to_owned(),
            procedure,
            entity: "session",
            entity_id: session.to_string(),
            detail: json!({"owner": user_id}).to_string(),
            request_id: self.request_id.clone(),
            client_address: self.address.clone(),
            token_id: None,
            door: self.door,
        };
        Ok(entry.insert(conn)?)
    }
}
