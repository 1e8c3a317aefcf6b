//! The guards around one call: authentication, rate limit, authorization.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use procedures::{Access, Allowance, Input, Issue, SharedProcedure};
use serde_json::Value;

use super::{
    call::Call,
    caller::{self, Caller, Found, Lack},
    client::Context,
    holder::{Asker, Refusal},
    idempotency::Idempotent,
    limiter::{Key, address_key, user_key, within},
    services::Services,
};
use crate::{
    auth::Credential,
    db::{Batch, Company, DbConnection, NeedOf, Progress, Reading, Timestamp, need, plain},
    error::{Error, Result},
    models::user_sets::{LiveUsers, LockedUsers},
    traces::Trace,
};

/// How long a call waits until what its caller lacks is set.
const COMPLETION: Duration = Duration::from_secs(1);

/// An input that matches its schema, or its issues.
pub type Checked = Arc<Result<Value, Vec<Issue>>>;

/// One call in flight. It is cheap to clone, because a database thread may have to run it again.
#[derive(Clone)]
pub struct Invocation {
    /// What all calls share.
    pub services: Arc<Services>,
    /// The procedure that is called.
    pub procedure: SharedProcedure,
    /// The request.
    pub context: Arc<Context>,
    /// When the call arrived.
    pub now: Timestamp,
    /// When all work for the call ends; after that the answer is TIMEOUT.
    pub deadline: Instant,
    /// What is left of the rate limit. A call is counted once, however often its work is run.
    pub allowance: Arc<OnceLock<Option<Allowance>>>,
    /// A mutation that was sent with an idempotency key.
    pub(super) idempotent: Option<Arc<Idempotent>>,
    /// Its trace, if it has one.
    pub trace: Option<Trace>,
}

/// The result of guarded work.
pub enum Guarded<T> {
    /// The guards let the call pass, and this is the output.
    Done(T),
    /// The database lacks something of the caller, which must be written first.
    Unprovisioned(Lack),
}

impl Invocation {
    /// Refuses callers without a usable credential, counts the call, and then checks the input. The issues are reported
    /// later and only to callers who may use the procedure.
    ///
    /// # Errors
    /// UNAUTHORIZED; TOO_MANY_REQUESTS; those of a read.
    pub async fn admit(&self, input: Input<'_>) -> Result<Checked> {
        let client = &self.context.caller;
        if self.procedure.access == Access::Public {
            self.limit(&address_key(client.address)).await?;
        } else if let Some(refusal) = caller::refusal(&client.credential) {
            // Calls without a known user count by address, which limits the guessing of tokens.
            self.limit(&address_key(client.address)).await?;
            return Err(refusal);
        } else if client.credential.stored().is_some() {
            let user_id = self.holder(&client.credential).await?;
            self.limit(&user_key(&user_id)).await?;
            self.services.note_use(client, self.procedure.kind, self.now);
        } else if let Credential::Jwt(claims) = &client.credential {
            self.limit(&user_key(&claims.subject)).await?;
        }
        Ok(Arc::new(self.procedure.input.check(input)))
    }

    /// The user whose calls a token or a session counts as.
    async fn holder(&self, credential: &Credential) -> Result<Arc<str>> {
        let asker = Asker {
            address: self.context.caller.address,
            bucket: self.procedure.bucket,
            procedure: self.procedure.name,
            now: self.now,
            deadline: self.deadline,
        };
        self.services.holder(credential, asker, self.trace.as_ref()).await.map_err(|Refusal { error, allowance }| {
            self.allowance.get_or_init(|| allowance);
            error
        })
    }

    /// Runs `attempt`. If the database lacks something of the caller, it writes that and runs `attempt` again.
    ///
    /// # Errors
    /// Those of `attempt`; UNAUTHORIZED for a deleted user.
    pub async fn with_provisioning<T, F>(&self, attempt: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<Guarded<T>>>,
    {
        let mut result = attempt().await;
        if let Ok(Guarded::Unprovisioned(Lack::User)) = result {
            result = match self.provision().await {
                Ok(()) => attempt().await,
                Err(error) => Err(error),
            };
        }
        if let Ok(Guarded::Unprovisioned(Lack::Profile)) = result {
            self.complete().await;
            result = attempt().await;
        }
        result.and_then(|attempt| match attempt {
            Guarded::Done(output) => Ok(output),
            Guarded::Unprovisioned(_) => Err(caller::GONE),
        })
    }

    /// Creates the user of a valid JWT on first sign-in.
    async fn provision(&self) -> Result<()> {
        let Credential::Jwt(claims) = &self.context.caller.credential else { return Err(caller::GONE) };
        let (claims, now) = (Arc::clone(claims), self.now);
        let provision = move |conn: &mut DbConnection| caller::provision(conn, &claims, now);
        let provisioned = self.services.db.write_together(self.deadline, self.alone(), plain(provision)).await;
        self.note_write();
        provisioned
    }

    /// Notes that the caller may have written something, which their next queries must find.
    pub fn note_write(&self) {
        if self.services.db.has_replica()
            && let Some(id) = self.caller_id()
        {
            self.services.db.note_write(&id);
        }
    }

    /// Sets what the user of a JWT lacks, once for a token. The call goes on without it too, so it does not wait for long.
    async fn complete(&self) {
        let Credential::Jwt(claims) = &self.context.caller.credential else { return };
        if claims.offered.set(()).is_err() {
            return;
        }
        let (claims, now) = (Arc::clone(claims), self.now);
        let deadline = self.deadline.min(Instant::now() + COMPLETION);
        let complete = move |conn: &mut DbConnection| caller::complete(conn, &claims, now);
        let completed = self.services.db.write_together(deadline, self.alone(), plain(complete)).await;
        self.note_write();
        if let Err(error) = completed {
            tracing::warn!(error = error.detail(), "could not complete a user's profile");
        }
    }

    /// The same call at the present time, with a new deadline. Its trace ended with its first answer.
    pub fn renewed(&self) -> Self {
        let deadline = Instant::now() + self.services.timeouts.call;
        Self { now: Timestamp::now(), deadline, trace: None, ..self.clone() }
    }

    /// Runs guarded work again for a caller who was admitted before.
    ///
    /// # Errors
    /// Those of the guards and of `work`.
    pub async fn recheck<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut Call<'_>) -> Result<T> + Send + 'static,
    {
        if let Some(refusal) = caller::refusal(&self.context.caller.credential) {
            return Err(refusal);
        }
        if let Credential::Jwt(claims) = &self.context.caller.credential {
            // Nothing is provisioned here.
            claims.offered.get_or_init(|| ());
        }
        match self.read(work).await? {
            Guarded::Done(output) => Ok(output),
            Guarded::Unprovisioned(_) => Err(caller::GONE),
        }
    }

    /// Runs guarded work in one snapshot on the primary database.
    ///
    /// # Errors
    /// Those of the guards and of `work`.
    pub async fn read<T, W>(&self, mut work: W) -> Result<Guarded<T>>
    where
        T: Send + 'static,
        W: FnMut(&mut Call<'_>) -> Result<T> + Send + 'static,
    {
        let this = self.clone();
        let work = move |conn: &mut DbConnection, batch: &mut Batch| {
            this.guarded(conn, batch, false, &mut work).map(Progress::Done)
        };
        self.services.db.query(self.deadline, true, self.reads(&[], Reading::Short), work).await
    }

    /// What a read has in common with others: it looks its caller up, and needs rows for the caller's id. `reading` says how
    /// it reads.
    pub fn reads(&self, needs: &[NeedOf], reading: Reading) -> Company {
        let all = |id: &str| std::iter::once(need::<LiveUsers>(id)).chain(needs.iter().map(|need| need(id))).collect();
        let needs = self.caller_id().as_deref().map(all).unwrap_or_default();
        Company { needs, reading, ..self.alone() }
    }

    /// What a write in steps has in common with others: it locks its caller.
    pub fn locks(&self) -> Company {
        let Some(id) = self.caller_id() else { return self.alone() };
        let needs = self.idempotent.iter().map(|call| call.need(&id)).collect();
        Company { lock: Some(need::<LockedUsers>(&id)), needs, ..self.alone() }
    }

    /// What a job of the call has in common with others that it shares nothing with.
    pub fn alone(&self) -> Company {
        Company::none(self.trace.clone())
    }

    /// The id of the caller, if it is known without the database.
    fn caller_id(&self) -> Option<Cow<'_, str>> {
        match &self.context.caller.credential {
            _ if self.procedure.access == Access::Public => None,
            Credential::Jwt(claims) => Some(claims.subject.as_str().into()),
            other => Some(self.services.tokens.holder(other.stored()?)?.to_string().into()),
        }
    }

    /// Runs the guards alone, for a call whose work runs elsewhere. The caller is None in a public procedure.
    ///
    /// # Errors
    /// Those of the guards.
    pub async fn look_up(&self) -> Result<Guarded<Option<Caller>>> {
        self.read(|call| Ok(call.caller.cloned())).await
    }

    /// Runs the guards and then `work`, on a database thread. `lock` keeps the caller from being deleted meanwhile.
    ///
    /// # Errors
    /// Those of the guards and of `work`.
    pub fn guarded<T>(
        &self,
        conn: &mut DbConnection,
        batch: &mut Batch,
        lock: bool,
        work: impl FnOnce(&mut Call<'_>) -> Result<T>,
    ) -> Result<Guarded<T>> {
        self.counted(|| {
            if self.procedure.access == Access::Public {
                return work(&mut self.call(conn, batch, None)).map(Guarded::Done);
            }
            let credential = &self.context.caller.credential;
            let caller = match caller::find(conn, batch, credential, lock, self.now) {
                Ok(Found::Caller(caller)) => {
                    if let Some(token) = credential.stored() {
                        self.services.tokens.learn(token, &caller.user.id);
                    }
                    caller
                }
                Ok(Found::Unprovisioned(lack)) => return Ok(Guarded::Unprovisioned(lack)),
                Err(error) => {
                    if let (Error::Unauthorized(_), Some(token)) = (&error, credential.stored()) {
                        self.services.tokens.forget(token);
                    }
                    return Err(error);
                }
            };
            caller::authorize(&caller, self.procedure.access, self.procedure.kind)?;
            work(&mut self.call(conn, batch, Some(&caller))).map(Guarded::Done)
        })
    }

    /// The argument of a handler.
    pub fn call<'c>(
        &'c self,
        conn: &'c mut DbConnection,
        batch: &'c mut Batch,
        caller: Option<&'c Caller>,
    ) -> Call<'c> {
        let (stripe, traffic) = (&self.services.stripe, &self.services.metrics.traffic);
        Call { conn, batch, caller, stripe, traffic, request_id: self.context.request_id.as_str(), now: self.now }
    }

    /// Counts the call against the rate limit of `key`.
    async fn limit(&self, key: &Key) -> Result<()> {
        let allowance = self.services.limiter.check(self.procedure.bucket, key).await;
        self.allowance.get_or_init(|| allowance);
        within(allowance)
    }

    /// Runs `work` and counts its SQL statements.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn counted<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.services.counted(self.procedure.name, work)
    }
}
