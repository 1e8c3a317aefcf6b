//! Idempotency keys: the answer to a mutation is stored in its transaction, and a repeated call gets it
//! (docs/API.md, "Idempotency keys").

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use data_encoding::BASE64URL_NOPAD;
use procedures::IdempotencyKey;
use serde_json::{Value, value::RawValue};
use sha2::{Digest, Sha256};

use crate::{
    db::{Batch, DbConnection, Need, Timestamp, need},
    error::{Error, Result},
    models::stored_answer::{StoredAnswer, StoredAnswers, place},
};

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// The arrival of the oldest call whose answer is kept at this time.
pub fn oldest_kept(now: Timestamp) -> Timestamp {
    now.minus(KEPT)
}

/// A mutation that was sent with a key.
#[derive(Clone, Debug)]
pub(super) struct Idempotent {
    key: IdempotencyKey,
    /// Two calls with the same key must have the same.
    fingerprint: String,
    /// When the call arrived.
    now: Timestamp,
    /// Whether the answer was stored in the transaction of the last change.
    is_stored: Arc<AtomicBool>,
}

/// An idempotent call of a known user, on a database thread.
#[derive(Clone, Copy)]
pub(super) struct Keyed<'a> {
    /// The call.
    pub call: &'a Idempotent,
    /// The caller.
    pub user_id: &'a str,
}

/// The answer to a call.
#[derive(Debug)]
pub(super) struct Completed {
    /// The output.
    pub output: Box<RawValue>,
    /// Whether it is the stored one of an earlier call.
    pub replayed: bool,
}

impl Idempotent {
    /// A call of the procedure with this canonical name.
    pub fn new(key: &IdempotencyKey, procedure: &str, input: &Value, now: Timestamp) -> Arc<Self> {
        let mut hash = Sha256::new();
        hash.update(procedure);
        hash.update([0]);
        // The order of its members does not matter.
        let mut sorted = input.clone();
        sorted.sort_all_objects();
        hash.update(sorted.to_string());
        let fingerprint = BASE64URL_NOPAD.encode(&hash.finalize());
        Arc::new(Self { key: key.clone(), fingerprint, now, is_stored: Arc::default() })
    }

    /// Notes that the answer was stored, and is committed.
    pub fn note_stored(&self) {
        self.is_stored.store(true, Ordering::Relaxed);
    }

    /// Whether the answer is stored.
    pub fn is_stored(&self) -> bool {
        self.is_stored.load(Ordering::Relaxed)
    }

    /// The row of the answer, to be loaded with those of other calls.
    pub fn need(&self, user_id: &str) -> Box<dyn Need> {
        need::<StoredAnswers>(&place(user_id, self.key.as_str()))
    }

    /// The same call of this user.
    pub fn of<'a>(&'a self, user_id: &'a str) -> Keyed<'a> {
        Keyed { call: self, user_id }
    }
}

impl Keyed<'_> {
    /// The stored answer to an earlier call, while the caller's row is locked. One that is too old is deleted.
    ///
    /// # Errors
    /// CONFLICT when the key was used for something else, or the earlier call still runs.
    pub fn recall(self, conn: &mut DbConnection, batch: &Batch) -> Result<Option<Completed>> {
        let Idempotent { key, fingerprint, now, .. } = self.call;
        let Some(stored) = batch.get::<StoredAnswers>(conn, &place(self.user_id, key.as_str()))? else {
            return Ok(None);
        };
        if stored.created_at < oldest_kept(*now) {
            stored.forget(conn)?;
            return Ok(None);
        }
        if stored.fingerprint != *fingerprint {
            let message = "This idempotency key was used for another procedure or input.".to_owned();
            return Err(Error::Conflict { message, conflicting_id: None });
        }
        let output = RawValue::from_string(stored.output.ok_or(Error::StillRunning)?);
        let output = output.map_err(|error| Error::Internal(error.into()))?;
        tracing::info!("answered as an earlier call with the same idempotency key");
        Ok(Some(Completed { output, replayed: true }))
    }

    /// Stores the answer in the transaction of the change, with those of its group.
    ///
    /// # Errors
    /// The database's.
    pub fn store(self, conn: &mut DbConnection, batch: &mut Batch, output: &RawValue) -> Result<()> {
        batch.queue::<StoredAnswer>(conn, self.row(Some(output.get().to_owned()))).map(drop)
    }

    /// Takes the key for a call that uses several transactions, unless there is an answer. A call that has not ended after
    /// `longest` never will, and loses it.
    ///
    /// # Errors
    /// Those of [`Self::recall`].
    pub fn claim(self, conn: &mut DbConnection, longest: Duration) -> Result<Option<Completed>> {
        match self.recall(conn, &Batch::default()) {
            Ok(None) => {}
            Err(Error::StillRunning) if self.release_lost(conn, longest)? => {}
            recalled => return recalled,
        }
        self.row(None).insert(conn)?;
        Ok(None)
    }

    /// Releases the key of a call that arrived too long ago. False when it may still run.
    fn release_lost(self, conn: &mut DbConnection, longest: Duration) -> Result<bool> {
        let before = self.call.now.minus(longest);
        Ok(StoredAnswer::release(conn, self.user_id, self.call.key.as_str(), before)?)
    }

    /// Stores the answer to a call that has taken its key.
    ///
    /// # Errors
    /// The database's.
    pub fn complete(self, conn: &mut DbConnection, output: &RawValue) -> Result<()> {
        StoredAnswer::complete(conn, (self.user_id, self.call.key.as_str()), self.call.now, output.get())?;
        Ok(())
    }

    /// Gives the key back, because the call has failed.
    ///
    /// # Errors
    /// The database's.
    pub fn release(self, conn: &mut DbConnection) -> Result<()> {
        // Not that of a later call, which may have taken the key over.
        StoredAnswer::release(conn, self.user_id, self.call.key.as_str(), self.call.now)?;
        Ok(())
    }

    fn row(self, output: Option<String>) -> StoredAnswer {
        StoredAnswer {
            user_id: self.user_id.to_owned(),
            idempotency_key: self.call.key.as_str().to_owned(),
            fingerprint: self.call.fingerprint.clone(),
            output,
            created_at: self.call.now,
        }
    }
}

impl From<Box<RawValue>> for Completed {
    fn from(output: Box<RawValue>) -> Self {
        Self { output, replayed: false }
    }
}
